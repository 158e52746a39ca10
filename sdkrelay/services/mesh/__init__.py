"""What relays do with each other: they find, dial and prove each other, and exchange what they hold."""
