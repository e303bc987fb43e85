"""Amounts: micro-USD inside, USD at the edge."""
