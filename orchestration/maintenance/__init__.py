"""Checks of values that are stored twice.

`audit` recomputes the money of a workspace. `rebuild` compares and corrects what entries wait for.
"""
