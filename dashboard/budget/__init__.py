"""The pages of the money: overview, by entry, ledger, changes, and what a person may do there."""
