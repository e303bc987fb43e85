"""Shared by the readers of plans: their interface `reader`, the `items` of a plan, and how texts, blocks and checklists are read."""
