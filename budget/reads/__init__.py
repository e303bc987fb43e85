"""Reads of money, each a fixed number of queries."""
