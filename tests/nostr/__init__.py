"""The Nostr relay as its clients see it: real services on a store in memory, frames in and frames out."""
