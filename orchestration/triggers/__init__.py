"""Triggers: what adds entries without a person.

`changes` makes, changes and deletes triggers. `due` looks for times of schedules that have come; `firing` turns an event into an entry, or into the reason for
none, once. `schedules` (the times of a schedule) and `deciding` (whether a firing adds an entry) are pure.
"""
