"""The budget pages: overview, by entry, ledger, changes, and their forms."""
