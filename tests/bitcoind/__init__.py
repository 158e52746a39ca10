"""The adapter to bitcoind, against a fake one with every fault."""
