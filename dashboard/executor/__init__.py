"""The executor's page and its controls."""
