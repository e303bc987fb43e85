"""The gateway: a reverse proxy to the model providers. It reserves a request's money before a byte is sent, and adds keys that no agent has.

server      the web application: a request from its arrival to its books
tokens      the tokens that agents present in place of a key
accesses    the rights of a token, and the workspace's rules
keys        the providers' keys, unsealed here alone
pricing     the bound of a request's cost, and its cost
admission   reserve, grow, wait, lower the output limit, or refuse
books       the cost, booked once
pacing      a rate limiter per credential
forwarding  the bytes to the provider and back
protocols   the providers' APIs; pure
process     the process: its row, its lease, its end
"""
