Clients talk to the relay over WebSocket (handshake, subscriptions that go on from a position without a gap, wallets, scans) and read its health, its node and their wallets over HTTP.
