"""The HTTP interface: a table of endpoints over the requests of the catalog."""
