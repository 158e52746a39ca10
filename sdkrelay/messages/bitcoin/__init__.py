"""What bitcoind says and how it is read: blocks, transactions, JSON-RPC and ZMQ messages, as values without any socket.

Everything here takes bytes from outside and returns typed values, or raises :class:`Malformed` and nothing else.
"""

from __future__ import annotations


class Malformed(ValueError):
    """The bytes are not what they should be; the message says where, never what secret they held."""
