"""What a channel can be told of: verbs of the activity log, with the words that a page has for each."""

VERBS = {
    "budget.threshold": "Spend passed a warning threshold",
    "budget.limit": "A limit of the budget is reached",
    "session.anomaly": "A session burns far more than usual",
    "entry.blocked": "An entry is blocked",
    "backlog.finished": "The backlog came to rest",
    "review.requested": "A budget review asks for a decision",
    "review.decided": "A budget review was decided",
}

TEST = "muster.test"
"""The type of what a test button sends."""
