"""Tests of the public client of Xcraft buses."""
