"""The orchestration calls, one module a subject."""

from ninja import Router

from orchestration.api import config, events, executor, sessions, todo

router = Router()
for part in (executor, sessions, todo, config, events):
    router.add_router("", part.router)
