"""The primitives and silent payments."""
