"""A throwaway database, a gateway process and a provider for the measurements of the gateway."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from config.up.children import die_with_parent
from tests.plugins import throwaway

MODEL = "claude-sonnet-4-5"
ROOT = Path(__file__).resolve().parents[2]


def prepare(provider: str, streams: int, *, in_order: bool = False) -> list[str]:
    """Tokens of so many sessions of one workspace. `in_order`: each has an entry of its own with a session, in the order of the plan."""
    from bench.backlogs import a_workspace, fill
    from budget.amounts import usd
    from budget.ledger import requests
    from budget.models import Account, Category, Hold
    from orchestration.gateway import tokens
    from orchestration.models import Entry, Session

    shop = a_workspace()
    fill(shop, streams)
    upstreams = _upstreams(shop.pk, provider)
    Account.objects.filter(project_id=shop.pk).update(budget=usd("1000"))
    made = []
    for n, entry in enumerate(Entry.objects.filter(workspace=shop).select_related("account").order_by("seq")[:streams]):
        account = entry.account
        if in_order:
            Session.objects.create(id=f"bench{n}", workspace=shop, entry=entry, status="running", attempt=1)
        hold = Hold.objects.create(project_id=shop.pk, account=account, session_ref=f"bench{n}", amount=usd("40"))
        access = requests.open_access(
            hold,
            role="implement",
            category=Category.ENTRY,
            upstreams=upstreams,
            round_number=1,
            agent="claude_code",
        )
        made.append(tokens.token_of(access.pk))
    return made


def permits(provider: str, count: int) -> list[str]:
    """Tokens of so many permits of one workspace and one key."""
    from bench.backlogs import a_workspace
    from budget.amounts import usd
    from budget.ledger import permits, requests
    from budget.models import Category, GatewayAccess, Project
    from orchestration.gateway import tokens
    from tests.factories import ANA

    shop, category = a_workspace(), Category.ORCHESTRATOR
    project, upstreams = Project.objects.get(pk=shop.pk), _upstreams(shop.pk, provider)
    made = []
    for _ in range(count):
        permit = permits.open_permit(project, None, category=category, amount=usd("1000"), by=ANA)
        access = requests.open_access(
            permit, role="permit", category=category, upstreams=upstreams, origin=GatewayAccess.ANYWHERE
        )
        made.append(tokens.token_of(access.pk))
    return made


def _upstreams(workspace_id: str, provider: str) -> dict[str, Any]:
    from orchestration.configuration import secrets
    from tests.factories import ANA

    secrets.put(workspace_id, "ANTHROPIC_API_KEY", "sk-bench", by=ANA)
    key = {"variable": "ANTHROPIC_API_KEY", "secret": "ANTHROPIC_API_KEY"}
    return {"anthropic": {"base_url": provider, "key": key, "credential": "team"}}


@contextmanager
def servers(folder: Path, database: str) -> Iterator[None]:
    """A throwaway database with durable commits, and Django on it."""
    with throwaway.servers("valkey", "postgresql", "durable") as environ:
        os.environ.update(environ)
        os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "MUSTER_DATA_DIR": str(folder)}
        if database == "sqlite":
            del os.environ["DATABASE_URL"]  # as `./muster up` has it, in the data directory
        import django  # only now: the settings read the addresses above
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener, open(folder / "gateway.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.gateway", "--fd", str(listener.fileno())],
            cwd=ROOT,
            pass_fds=(listener.fileno(),),
            stdout=log,
            stderr=log,
            preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()),
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def provider() -> Iterator[str]:
    dies = partial(die_with_parent, signal.SIGKILL, os.getpid())
    command = [sys.executable, "-m", "bench.gateway.provider"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=dies)
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)
