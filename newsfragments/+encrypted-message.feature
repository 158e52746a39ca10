Conversations can be encrypted end to end over any connection (`encrypted_message`), under an identity key that `sdkrelay identity` prints.
