"""Agents that propose, and what becomes of their proposals.

`requests` starts and stops runs. `world` is what a run may refer to; `answers` reads an agent's answer by the schema in `schema` and checks it
against that. `making` writes proposals; `applying` turns them into entries, rejects them and undoes that; `automatic` does it
without a person, where the config allows it; `editing` changes one before. `expanding` asks an agent to split an entry, and
`split_answers` reads what it answers.
"""
