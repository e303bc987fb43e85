"""From a fresh clone to the first page, of two commits: `python -m bench starts`. No database."""
