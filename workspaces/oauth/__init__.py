"""Logins of MCP clients by OAuth 2.1: a client that knows the address of /mcp alone gets a token. An app of its own: installed where the extra `mcp` is.

- `metadata`: the documents by which a client learns the addresses; without the database
- `clients`: what a program says of itself: by a document at its own address, or by registration
- `grants`: what a person approved, the code, and the token that comes of it
- `pages`: the page on which a person decides; `endpoints`: the addresses for programs
"""
