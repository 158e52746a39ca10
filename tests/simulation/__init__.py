"""Whole relays in one process on one clock, over a network in memory that a seeded plan cuts, delays and parts."""
