"""The orchestration calls.

`executor`, `landing`, `approvals`, `forges`, `sessions`, `runs`, `agent`, `todo`, `dialogue`, `triggers`, `config`, `events`, `workspaces`: one module for each subject of the API. `drafts` converts requests
into drafts of entries.
"""

from ninja import Router

from orchestration.api import (
    agent,
    approvals,
    config,
    dialogue,
    events,
    executor,
    forges,
    landing,
    runs,
    sessions,
    todo,
    triggers,
)

router = Router()
for part in (executor, landing, approvals, forges, sessions, runs, agent, todo, dialogue, triggers, config, events):
    router.add_router("", part.router)
