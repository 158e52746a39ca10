"""Tests of the bus door, over transports in memory."""
