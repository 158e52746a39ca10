"""Nostr as values and rules: events, filters, what may be stored and who may see it, without socket, clock or database."""
