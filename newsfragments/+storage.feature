The index, the registered wallets (scan keys sealed with AES-256-GCM) and the notification log are kept in SQLite, in a file or in memory; a full disk is told and got over.
