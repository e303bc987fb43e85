"""What every list shares: filters in the URL, keyset pagination, and the list of ignored filters."""
