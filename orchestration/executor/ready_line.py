"""The order of the ready line: entries with rounds first, then by priority, then by number.

Its index of the same name is in `orchestration/models/entries.py`; a test compares the two.
"""

from orchestration.executor.plan import Waiting

FIELDS = ("-has_rounds", "priority", "seq")
"""Fields of Entry, as in `order_by`; the number is unique within a workspace."""


def place(entry: Waiting) -> tuple[int, ...]:
    """The lower, the nearer to the head."""
    return int(not entry.has_rounds), entry.priority, entry.seq


def order(e: str) -> str:
    """The SQL of the order for entries `e`."""
    return ", ".join(f"{e}.{field[1:]} DESC" if field.startswith("-") else f"{e}.{field}" for field in FIELDS)


def beyond(e: str) -> str:
    """The SQL condition for entries `e` behind a place, whose numbers are its parameters."""
    return f"(CASE WHEN {e}.has_rounds THEN 0 ELSE 1 END, {e}.priority, {e}.seq) > (%s, %s, %s)"
