"""Tests of the messages and their codecs."""
