"""Entries that are split, and their children.

`rollup` decides the state of one that is split by its children's (pure). `leaves` finds the entries below it that an action is for. `reads` is what pages and the API
show.
"""
