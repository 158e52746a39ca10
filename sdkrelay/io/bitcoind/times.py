"""From a time to a height, for wallets that know when they were born and not at which block.

Block times go back and forth by up to two hours; the median of the last eleven never goes back, so that is searched.
"""

from __future__ import annotations

from ...messages.bitcoin.rpc import HeaderInfo
from .rpc import BitcoinRpc

#: A block's time may be so many seconds ahead of the clocks.
TOLERANCE = 7_200
#: The median at a height is of this block and the ten before.
MEDIAN_SPAN = 11


async def height_at_time(rpc: BitcoinRpc, timestamp: int) -> int:
    """The first height whose time, or that of the ten after, is at or after ``timestamp`` less two hours; else tip + 1."""
    earliest = timestamp - TOLERANCE
    low, high = 0, await rpc.ask(int, "getblockcount") + 1
    tip = high
    while low < high:
        middle = (low + high) // 2
        if (await _header(rpc, middle)).mediantime >= earliest:
            high = middle
        else:
            low = middle + 1
    for height in range(max(0, low - MEDIAN_SPAN), low):
        if (await _header(rpc, height)).time >= earliest:
            return height
    return min(low, tip)


async def _header(rpc: BitcoinRpc, height: int) -> HeaderInfo:
    return await rpc.ask(HeaderInfo, "getblockheader", await rpc.ask(str, "getblockhash", height))
