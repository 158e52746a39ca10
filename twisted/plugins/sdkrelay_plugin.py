"""What twistd reads to know of the relay; it imports nothing of it, so that twistd can still choose the reactor."""

from twisted.application.service import ServiceMaker

sdkrelay = ServiceMaker(
    "sdkrelay", "sdkrelay.tap", "An always-on relay for Bitcoin silent payments (BIP352).", "sdkrelay"
)
