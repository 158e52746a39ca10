"""Other relays as this one reaches them."""
