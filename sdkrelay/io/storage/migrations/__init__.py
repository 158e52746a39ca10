"""How the schema came to be, step by step; each step is a file in ``versions`` and never changes once released."""
