"""Whole stories: the relay's services through everything a chain can do."""
