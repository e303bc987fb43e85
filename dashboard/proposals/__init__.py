"""Agents that propose: the page on which a goal is given, and the page of one run with its proposals.

`goals` takes a goal, asks the orchestrator, and lists the runs. `run_page` shows a run, with its proposals from `proposal_rows`, and takes
decisions on them. `edit` changes a proposed entry,
`edit_change` a proposed change.
"""
