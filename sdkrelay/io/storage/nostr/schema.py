"""The tables of the event store, as numbered steps from an empty database: what is released is never changed, only followed.

``tie`` is the first 64 bits of an id, which orders events of one second as their ids do and keeps the indexes small. Each index
ends in the order in which events are served, so that the newest are read without sorting. ``tags`` has one row for each value
that filters can ask for; it repeats the kind, so that the usual pair (a tag, some kinds) reads nothing else.
"""

from __future__ import annotations

#: One tuple of statements a version; ``PRAGMA user_version`` counts them.
VERSIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE events (
            serial INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE,
            pubkey BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            tie INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            expires_at INTEGER,
            address BLOB,
            json BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX events_by_time ON events (created_at DESC, tie)",
        "CREATE INDEX events_by_kind ON events (kind, created_at DESC, tie)",
        "CREATE INDEX events_by_author ON events (pubkey, created_at DESC, tie)",
        "CREATE INDEX events_by_author_and_kind ON events (pubkey, kind, created_at DESC, tie)",
        "CREATE UNIQUE INDEX events_by_address ON events (address) WHERE address IS NOT NULL",
        "CREATE INDEX events_by_end ON events (expires_at) WHERE expires_at IS NOT NULL",
        """CREATE TABLE tags (
            label BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            tie INTEGER NOT NULL,
            serial INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            PRIMARY KEY (label, created_at DESC, tie, serial)
        ) STRICT, WITHOUT ROWID""",
        "CREATE VIRTUAL TABLE search USING fts5 (words, content='', tokenize='unicode61 remove_diacritics 0')",
        "CREATE TABLE erased (id BLOB NOT NULL, pubkey BLOB NOT NULL, PRIMARY KEY (id, pubkey)) STRICT, WITHOUT ROWID",
        """CREATE TABLE erased_addresses (
            address BLOB PRIMARY KEY,
            until INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID""",
        "CREATE TABLE vanished (pubkey BLOB PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        """CREATE TABLE entries (
            list TEXT NOT NULL,
            item TEXT NOT NULL,
            reason TEXT NOT NULL,
            PRIMARY KEY (list, item)
        ) STRICT, WITHOUT ROWID""",
    ),
)
