"""Requests that only the HTTP interface knows, and their answers."""
