"""Builders, fakes and drivers that the tests share."""
