A client of Xcraft buses for Twisted programs, `sdkrelay.bus`: commands that are awaited and always end, events by pattern, reconnection, TLS and client certificates.
