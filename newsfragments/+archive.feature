`GET /export/data` and `POST /import/data` move payments and, sealed by a passphrase, wallets to another relay; both are streamed.
