The Python client's register_wallet takes `nostr`: whom each relay tells of payments by encrypted direct message.
