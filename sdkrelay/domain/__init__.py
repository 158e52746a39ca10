"""The words of the relay: values and rules without clock, socket, thread or file."""
