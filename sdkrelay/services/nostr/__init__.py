"""Nostr's half of the relay: what is published, stored and told, and who may read it; no socket is known here."""
