"""The bus door: Xcraft programs as clients of the relay, each over a connection for commands and one for events."""
