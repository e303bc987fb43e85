"""The config of a workspace.

`workspace` is the whole of it. `agents`, `approve`, `checks`, `prompts` and `sandbox` are its parts; `fields` their shared types. `json_form` loads, stores and merges it,
`newer` reads one that a newer release stored. `agent_kinds` has the titles of the agents, `prompt_templates` fills prompts. The names are taken from `orchestration.configuration`.
"""
