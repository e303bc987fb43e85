"""Triggers: what adds entries without a person.

`changes` makes, changes and deletes triggers. `due` looks for times of schedules that have come; `firing` turns an event into an entry, or into the reason for
none, once. `hooks` takes what is posted to webhooks; `issues/` asks forges, and `obstacles` names why it does not. `schedules` (the times of a schedule), `deciding` (whether a firing adds an entry) and `quoting` (text of others) are pure.
"""
