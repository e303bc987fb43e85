"""The Model Context Protocol at /mcp, beside Django. `door`: what is checked of each request. `tools`: the tools, each a call of the API.
`calls`: how a tool calls the API. `server`: the protocol, by the SDK. `server` alone imports the SDK, at the first request.
"""
