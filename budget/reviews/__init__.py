"""Reviews of the budget (docs/how-to/review-a-budget.md).

- `snapshot`: the frozen figures
- `drafting`: writing and proposing
- `comments`: comments
- `deciding`: decisions, and applying the proposals
- `variance`: actual against plan (pure)
- `reading`: reads
"""
