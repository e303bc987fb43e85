"""The Model Context Protocol at /mcp, beside Django. `endpoint` checks each request, `tools` are calls of the API, and `calls` makes these. `server` has the
protocol, and alone imports the SDK, at the first request.
"""
