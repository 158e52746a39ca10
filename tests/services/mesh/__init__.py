"""What relays tell each other."""
