Nostr events are kept in a database file of their own, by the rules of replacement, deletion, vanishing and expiry, and are found by filters, searched, counted and listed for reconciliation.
