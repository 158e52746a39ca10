Serve Nostr on the WebSocket port: limits that are enforced as stated, privacy of gift wraps, management, a write policy, and docs/nostr.md with what each line of the protocol is held by.
