"""Nostr over HTTP, and other relays and programs that the Nostr relay talks to."""
