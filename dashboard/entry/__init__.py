"""One entry: its page, the actions on it, its rounds and their diffs.

A module collects what a part of the page shows; `templates/entry/` has a file of the same name for it. `tabs` has those of the tabs.
"""
