How long notifications are kept for clients that come back is configuration (``[retention]``, 30 days by default).
