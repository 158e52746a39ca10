"""What relays say to each other beside the documented messages, and how the asking side reads what it is answered."""
