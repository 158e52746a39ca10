"""bitcoind as the port ``Chain``: RPC is the truth, REST the short way to a block, ZMQ a hint to look."""
