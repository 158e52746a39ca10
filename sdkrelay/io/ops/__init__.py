"""What an operator sees of the running process: its metrics, its log, the machine it stands on."""
