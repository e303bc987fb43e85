"""The modules of web server and workers: `up` imports this before it forks them (config/up/copies.py)."""

# ruff: noqa: F401
from config import web  # isort:skip  (loads the apps)
import celery.app.amqp
import celery.app.control
import celery.app.events
import celery.app.log
import celery.apps.worker
import celery.bin.celery
import celery.events
import celery.worker.autoscale
import celery.worker.components
import celery.worker.consumer
import celery.worker.consumer.delayed_delivery
import celery.worker.strategy
import django.db.models.sql.compiler
import kombu.transport.redis
import uvicorn.lifespan.on
import uvicorn.loops.auto
import uvicorn.protocols.http.h11_impl
from django.urls import get_resolver

import config.celery
import config.http.middleware
import config.pool
import orchestration.edge.tasks
import orchestration.edge.worker_process
from orchestration.hosts import problems

get_resolver().url_patterns  # noqa: B018  (loads the site's code)
problems.known_migrations()
