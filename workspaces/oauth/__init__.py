"""The OAuth 2.1 authorization server for MCP clients, which know the address of /mcp alone. An app of its own: installed with the extra `mcp`.

- `metadata`: the discovery documents; without the database
- `clients`: client id metadata documents, and dynamic registration
- `grants`: approvals, authorization codes and tokens
- `pages`: the consent page; `endpoints`: the addresses for clients
"""
