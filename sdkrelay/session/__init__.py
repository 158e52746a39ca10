"""One conversation with a client, without knowing what carries it."""
