"""The common parts of every list: filters in the URL, keyset pagination, and the list of ignored filters."""
