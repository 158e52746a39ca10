"""The relay's settings as frozen values: declared once, read from text and mappings, and checked all at once.

Nothing here opens a file or looks at the process's environment: the caller passes both in, so that every rule can be
tested with strings. The sample file is made from the same declarations.
"""
