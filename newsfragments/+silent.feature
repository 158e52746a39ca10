Silent payments (BIP352 1.1.1) are complete: eligibility and tweaks, scanning with labels and the limit of 2323 outputs, addresses, and sending.
