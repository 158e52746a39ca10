Wallets are registered once and then told of every silent payment, from the mempool and from blocks, through every reorganisation.
