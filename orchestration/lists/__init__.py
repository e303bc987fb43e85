"""Filters, search and orders of lists: declared once for a list's page, its CSV, the API and with it the CLI."""
