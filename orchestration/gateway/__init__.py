"""The gateway: agents' requests to model providers pass through it, on money that is reserved before a byte is sent, and with keys that no
agent has.

server      the web application: one request from its arrival to its books
tokens      what an agent shows in place of a key
accesses    what a token permits, and the workspace's rules for it
keys        the providers' keys, which are unsealed here alone
pricing     what a request may cost, and what it did
admission   on whose money a request goes; waiting for money, in the plan's order
books       what it cost, booked once
pacing      one queue per credential, while its provider refuses more
forwarding  the bytes, to the provider and back
protocols   the providers' APIs; pure
process     the process: its row, its lease, its end
"""
