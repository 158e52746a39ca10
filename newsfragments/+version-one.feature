Clients that name version "1.0" in their handshake get ISO-8601 times, `success`, and `block_notification` for a new block.
