``make run`` shows it all on a private chain: a node, a relay, a wallet that is paid and told.
