"""The wire of Nostr: one JSON array a frame, in either direction, and the documents beside it."""
