"""Play as many seeds as wanted: ``python -m tests.simulation --seeds N [--first S] [--relays N]``."""

from __future__ import annotations

import sys

from .command import main

sys.exit(main(sys.argv[1:]))
