"""The rules that need no outer world."""
