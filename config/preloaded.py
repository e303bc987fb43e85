"""What web server and workers load, loaded by importing this (config/up/copies.py); and what each of them then runs."""

from collections.abc import Sequence

from config import web  # isort:skip  (loads the apps)
import uvicorn.lifespan.on
import uvicorn.loops.auto
import uvicorn.protocols.http.h11_impl  # noqa: F401
from django.core.management import execute_from_command_line
from django.urls import get_resolver

import orchestration.tasks
import orchestration.worker_process  # noqa: F401
from config.celery import app
from orchestration.hosts import problems

get_resolver().url_patterns  # noqa: B018  (loads the site's code)
problems.known_migrations()


def run(module: str, arguments: Sequence[str]) -> int:
    """`python -m module` with these arguments."""
    if module == "config.web":
        return web.main(arguments)
    if module == "celery":
        return int(app.worker_main(list(arguments)) or 0)
    assert module == "manage"
    execute_from_command_line(["manage.py", *arguments])
    return 0
