"""Muster from a terminal: a client of its API, without anything of the server."""

__version__ = "0.2.1"
