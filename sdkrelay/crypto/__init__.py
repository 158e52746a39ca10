"""Silent payments (BIP352) and the few primitives they stand on; no clock, socket, thread or file."""
