"""The shares of a limit at which the bar `{% meter %}` and the chart `bullet` change their colour.

The bar itself is markup of the dashboard (`dashboard/templatetags/muster.py`).
"""

NEAR = 0.8
"""The share from which spent is near its limit: `warn` from here, `over` from 1."""


def tone(spent: int, limit: int) -> str:
    """The CSS class of the fill: "", `warn` or `over`. Micro-USD."""
    return "over" if spent >= limit else "warn" if spent >= NEAR * limit else ""
