"""Locked paths: who holds each, who waits behind it, and locks that nobody needs any more."""
