"""Money that is just enough: what a limit costs in time, and what it pays twice."""
