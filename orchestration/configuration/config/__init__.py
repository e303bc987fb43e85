"""The config of a workspace.

`workspace` is the root model; `agents`, `approve`, `checks`, `prompts` and `sandbox` are its parts, `fields` their shared types. `json_form` loads, stores
and merges it, `newer` reads a newer release's. `agent_kinds` has the agents' titles, `prompt_templates` renders prompts. Import the names from
`orchestration.configuration`.
"""
