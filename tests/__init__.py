"""The relay's tests; they mirror the package."""
