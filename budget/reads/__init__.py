"""Reads of money, each a fixed number of queries.

- `queries`: accounts, ledger, changes, reservations
- `summary`: the contract's budget response, in one statement
- `csv_export`: tables as CSV
- `gateway_requests`: requests in the gateway
"""
