"""The files that an entry's work changed: locked for it now, or others have locked them.

undeclared  the changed files that the entry has not locked
of_others   those that other entries have locked: the work waits, or its agent undoes its changes
"""
