"""sdkrelay: an always-on relay for Bitcoin silent payments (BIP352)."""

__version__ = "0.1.0"
