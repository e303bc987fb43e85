"""Sessions that ended while their host was away: their money waits for it (docs/explanation/money.md).

`settling` books what a host has counted, or an estimate; `estimates` says what a session may have spent beyond its reports.
"""
