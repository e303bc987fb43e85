"""The orchestration calls, one module a subject."""

from ninja import Router

from orchestration.api import agent, config, events, executor, sessions, todo

router = Router()
for part in (executor, sessions, agent, todo, config, events):
    router.add_router("", part.router)
