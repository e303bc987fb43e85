"""Agents that propose, and what becomes of their proposals.

`roles` are the roles of such agents. `requests` asks for a run; `starting` does when an event of the backlog is an occasion (`occasions`).

`world` is what a planner may refer to; `answers` reads its answer by the schema in `schema`. `overview` is what an orchestrator reads, made of
`pictures` of entries; `change_answers` reads its answer by `change_schema`. Both find it by `json_answers`.

`making` writes proposals; `applying` changes the backlog by them, rejects them and undoes that, each kind by its module in `kinds`;
`automatic` does it without a person, where the config allows it; `editing` changes one before. `reads` lists runs.

`expanding` asks an agent to split an entry, and `split_answers` reads what it answers.
"""
