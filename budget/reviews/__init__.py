"""Reviews of the budget: frozen by `snapshot`, written by `drafting`, talked about by `comments`, decided by `deciding` (docs/how-to/review-a-budget.md)."""
