"""Checks of values that are stored twice.

`audit` recomputes the money of a workspace. `recorded` compares caps, budgets and tokens
with the records of who set them. `rebuild` compares and corrects what entries wait for.
"""
