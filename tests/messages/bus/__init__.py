"""Tests of the bus on the wire."""
