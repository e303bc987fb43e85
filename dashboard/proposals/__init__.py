"""Agents that plan: the page on which a goal is given, and the page of one run with its proposals.

`goals` takes a goal and lists the runs. `run_page` shows a run, and takes decisions on its proposals. `edit` changes a proposal.
"""
