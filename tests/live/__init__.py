"""Tests against real programs; skipped, saying why, where they cannot be had."""
