"""Agents that propose, and what becomes of their proposals.

`roles` are the roles of such agents. `run_requests` asks for a run; `starting` does after certain events of the backlog (`triggers`), and `expanding`
when an entry is too large.

`context` has what a planner may refer to (`planning_context`), and `snapshots` of entries, of which `overview` makes what an orchestrator reads. `answering` reads and checks what
agents answer; `schema` is that of a proposed entry, and `base_tests` what its tests said.

`making` writes proposals; `applying` changes the backlog by them, rejects them and undoes that, each kind by its module in `kinds`;
`automatic` does it without a person, where the config allows it; `editing` changes one before. `reads` lists runs.
"""
