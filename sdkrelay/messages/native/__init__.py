"""The native JSON protocol spoken over WebSocket (and, where a table row says so, over HTTP)."""
