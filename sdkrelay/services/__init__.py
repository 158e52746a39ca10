"""The services of the relay: what it does, in terms of ports and values."""
