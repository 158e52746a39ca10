The relay follows a bitcoind through warm-up, restarts, pruning and refusal, by RPC, binary REST and ZMQ, and says at each moment how it stands with it.
