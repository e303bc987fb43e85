"""Reviews of the budget (docs/reviews.md).

- `snapshot`: the frozen figures
- `drafting`: writing and proposing
- `comments`: comments
- `deciding`: decisions, and applying the proposals
- `variance`: actual against plan (pure)
- `reading`: reads
"""
