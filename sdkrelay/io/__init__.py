"""Everything that touches the outside: each package here adapts one thing to a port, and only ``build`` joins them."""
