"""The modules of the web server, most of which workers need too: `up` imports this before it forks (config/up/copies.py)."""

# ruff: noqa: F401
from config import web  # isort:skip  (loads the apps)
import celery.app.amqp
import django.db.models.sql.compiler
import kombu.transport.redis
import uvicorn.lifespan.on
import uvicorn.loops.asyncio
import uvicorn.protocols.http.h11_impl
from django.urls import get_resolver

import config.celery
import config.http.middleware
from orchestration.hosts import problems

get_resolver().url_patterns  # noqa: B018  (loads the site's code)
problems.known_migrations()
