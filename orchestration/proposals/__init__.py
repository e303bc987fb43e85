"""Agents that propose, and what becomes of their proposals.

`roles` are the roles of such agents. `requests` asks for a run; `starting` does when an event of the backlog is an occasion (`occasions`), and
`expanding` when an entry is too large.

`world` is what a planner may refer to; `overview` is what an orchestrator reads, made of `pictures` of entries. `answering` reads and checks what
agents answer; `schema` is that of a proposed entry, and `on_base` what its tests said.

`making` writes proposals; `applying` changes the backlog by them, rejects them and undoes that, each kind by its module in `kinds`;
`automatic` does it without a person, where the config allows it; `editing` changes one before. `reads` lists runs.
"""
