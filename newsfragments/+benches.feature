Benches show what the relay costs beside named references: indexing, the way from a block to the sockets, and how long its reactor is ever held.
