"""The common parts of all forges.

interface  a forge's package, its values, and its errors by name
issues     a repository's issues, and who labelled them
transport  the HTTP client of the adapters: one host, a time limit, conditional requests
values     an answer's fields, of any shape
webhooks   what a forge posts: verified, and reduced to what is to be looked at: pure
"""
