Messages that clients leave for all are records signed by the relay they were left with, which relays reconcile with each other.
