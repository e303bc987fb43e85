"""Problems of this host, in sentences with what to do."""

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from orchestration import configuration
from orchestration.configuration import credentials
from orchestration.configuration.gateway_use import ALL_KEYS, setup_of
from orchestration.executor import stats
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.hosts import online, problems
from orchestration.maintenance import open_servers
from orchestration.models import Worker
from orchestration.processes import sandbox_probe
from orchestration.processes.shim import cgroups
from orchestration.repositories import local_repository
from orchestration.sessions import sandbox
from orchestration.sessions.sandbox import stage_probe
from orchestration.worker.agent_run import gateway_access
from orchestration.worker.agents.shared import cli_versions
from workspaces import times
from workspaces.activity.events import counted
from workspaces.machine import disk, hosts, release
from workspaces.models import Workspace
from workspaces.people import standing

OLDEST_GIT = (2, 39)
TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """`problem`: empty where all is well. `is_needed`: nothing works without it."""

    subject: str
    is_: str
    problem: str = ""
    is_needed: bool = False

    def __str__(self) -> str:
        mark = "ok" if not self.problem else "MISSING" if self.is_needed else "note"
        return f"{mark:<8}{self.subject}: {self.is_}" + (f"\n        {self.problem}." if self.problem else "")


def examine() -> Iterator[Finding]:
    """One thing after another; each says for itself what is wrong."""
    yield Finding("version", release.NUMBER)
    yield _git()
    yield (database := _database())
    yield _broker()
    yield from _open_servers()
    yield _web()
    yield _agents_address()
    yield _gateway()
    yield _disk()
    yield _sandbox()
    yield _caches()
    yield _memory()
    yield _agents()
    if not database.problem:
        yield _clock()
        yield from _hosts()
        yield from _logins()
        workspaces = list(Workspace.objects.filter(deleted_at__isnull=True).select_related("executor").order_by("name"))
        yield from map(_past_the_gateway, workspaces if settings.GATEWAY_URL else ())
        yield from map(_repository, workspaces)


def _git() -> Finding:
    try:
        version = git.run(settings.BASE_DIR, "version").removeprefix("git version ")
    except GitError as problem:
        return Finding("git", "missing", f"Install git: {problem}", is_needed=True)
    number = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return Finding("git", version, "" if number >= OLDEST_GIT else "Install git 2.39 or newer", is_needed=number < OLDEST_GIT)


def _database() -> Finding:
    try:
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as error:
        sentence = f"It does not answer: check DATABASE_URL ({str(error).splitlines()[0][:200]})"
        return Finding("database", "unreachable", sentence, is_needed=True)
    problem = f"{missing} migrations are missing: run ./muster manage migrate" if missing else ""
    return Finding("database", connection.vendor, problem, is_needed=bool(missing))


def _broker() -> Finding:
    if stats.ticks() is not None:
        return Finding("message broker", "answers")
    return Finding(
        "message broker", "unreachable", "Check REDIS_URL, or start ./muster up: without it work goes on once in a tick only"
    )


def _open_servers() -> Iterator[Finding]:
    """Setup and checks run what agents write, and without sandbox.network: proxy they reach every port of this host."""
    for subject, variable, address in (
        ("database's password", "DATABASE_URL", open_servers.database_without_password()),
        ("broker's password", "REDIS_URL", open_servers.broker_without_password()),
    ):
        if address:
            problem = f"Each process that reaches {address} uses it as Muster does, also agents, setup and checks: let the server ask for a password, and name it in {variable}"
            yield Finding(subject, "not asked for", problem, is_needed=True)


def _web() -> Finding:
    try:
        with urllib.request.urlopen(f"{settings.BASE_URL}/healthz", timeout=TIMEOUT_S):
            pass
        served = _served_release()
    except (OSError, ValueError) as problem:
        sentence = f"It does not answer there ({problem}): agents that report usage and hosts that fetch repositories need MUSTER_BASE_URL"
        return Finding("web server", settings.BASE_URL, sentence)
    differs = f"Muster is {release.NUMBER} on this host: the two may not run side by side (docs/operating.md, Upgrade)"
    return Finding(
        "web server", f"{settings.BASE_URL}, {served or 'no version'}", "" if served in release.COMPATIBLE else differs
    )


def _served_release() -> str:
    """Each answer of the API names it, also the one to callers without a token. Empty: it is older than 0.2.0, or no Muster."""
    try:
        with urllib.request.urlopen(f"{settings.BASE_URL}/api/v1/workspaces", timeout=TIMEOUT_S) as response:
            return str(response.headers.get("Muster-Version", ""))
    except urllib.error.HTTPError as response:
        return str(response.headers.get("Muster-Version", ""))


def _agents_address() -> Finding:
    """The agents' own port answers nothing but the API (config/http/agent_listener.py)."""
    problem = "Agents reach the pages and the login there too: set MUSTER_AGENT_URL to the web server's second port (8766)"
    try:
        with urllib.request.urlopen(f"{settings.AGENT_URL}/livez", timeout=TIMEOUT_S):
            pass
    except urllib.error.HTTPError as answer:
        problem = "" if answer.code == HTTPStatus.NOT_FOUND else f"It answers {answer.code}: check MUSTER_AGENT_URL"
    except (OSError, ValueError) as error:
        problem = f"It does not answer there ({error}): agents that report usage or ask need MUSTER_AGENT_URL"
    others = _has_other_hosts()
    if not problem and others and _is_of_this_machine(settings.AGENT_URL):
        problem = (
            "Agents on other hosts cannot reach it: let the web server listen on an internal address (MUSTER_AGENT_LISTEN, or --agent-host), and name that "
            "in MUSTER_AGENT_URL on every host"
        )
    is_needed = others or not _is_of_this_machine(settings.BASE_URL)
    return Finding("agents' address", settings.AGENT_URL, problem, is_needed=is_needed)


def _has_other_hosts() -> bool:
    """True if another host has run sessions within a day."""
    try:
        return Worker.objects.filter(queue="sessions", host_id__gt="").exclude(host_id=hosts.host_id()).exists()
    except DatabaseError:
        return False


def _is_of_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _gateway() -> Finding:
    if not settings.GATEWAY_URL:
        return Finding("gateway", "none here: agents get the providers' keys, and are metered by what they report")
    problem = ""
    try:
        with urllib.request.urlopen(f"{settings.GATEWAY_URL}/healthz", timeout=TIMEOUT_S):
            pass
    except (OSError, ValueError) as error:
        problem = f"It does not answer there ({error}): start ./muster gateway, or correct MUSTER_GATEWAY_URL"
    return Finding("gateway", settings.GATEWAY_URL, problem)


def _past_the_gateway(workspace: Workspace) -> Finding:
    """The agents of a workspace whose requests do not pass the gateway, each with the reason."""
    subject, config = f"gateway for {workspace.name}", configuration.load(workspace.executor.config)
    if config.gateway == "off":
        return Finding(subject, "off in the workspace's config")
    uses = {
        named.name: setup_of(named.agent, gateway_access.keys_of(workspace.pk, named.agent, named.path))
        for named in credentials.named_agents(config)
    }
    past = [f"{name} goes past it ({reason})" for name, reason in uses.items() if isinstance(reason, str)]
    problem = ""
    if named := sorted(ALL_KEYS.intersection(config.env or ())):
        problem = (
            f"Setup and checks have {', '.join(named)} by env in the config, and run what agents write: use a key with a limit"
        )
    return Finding(subject, "; ".join(past) or "all its agents send their requests through it", problem)


def _disk() -> Finding:
    free = f"{shutil.disk_usage(settings.DATA_DIR).free / 2**30:.1f} GiB free in {settings.DATA_DIR}"
    return Finding(
        "disk", free, "Nothing new starts on this host: free some space" if disk.is_low() else "", is_needed=disk.is_low()
    )


def _sandbox() -> Finding:
    not_private = stage_probe.probe().problem
    state = sandbox.on_host(settings.SANDBOX, sandbox_probe.probe(), not_private)
    if not state.startswith("bubblewrap"):
        return Finding("sandbox", state, "Agents can reach whatever this user can: install bubblewrap, and allow user namespaces")
    advice = (
        "Checks that listen on one port refuse each other: install passt, allow /dev/net/tun, and set sandbox.network to private"
    )
    return Finding("sandbox", state, advice if not_private else "")


def _caches() -> Finding:
    """No fault: a config without them has no use for them, and one with them works."""
    problem = sandbox_probe.probe().problem or sandbox_probe.overlays(settings.DATA_DIR)
    return Finding("package caches", f"none, caches of a config do nothing here: {problem}" if problem else "possible")


def _memory() -> Finding:
    if cgroups.keeps_memory(settings.CGROUP_PARENT):
        return Finding("memory limit", "kept by the kernel")
    advice = (
        "Give the worker a control group of its own with memory (MUSTER_CGROUP_PARENT), and the kernel keeps limits.memory_mb"
    )
    return Finding("memory limit", "checked each second", advice)


def _agents() -> Finding:
    versions = cli_versions.installed()
    listed = ", ".join(f"{kind} {version}" for kind, version in versions.items())
    return Finding(
        "agents",
        listed or "none",
        "" if versions else "Only commands of your own can run: install an agent's CLI (docs/reference/agents.md)",
    )


def _logins() -> Iterator[Finding]:
    """Single sign-on, where it is set up."""
    if standing.probes:
        problem = next((words for probe in standing.probes if (words := probe())), "") or standing.trouble()
        yield Finding("single sign-on", "does not renew logins" if problem else "answers", problem.rstrip("."), is_needed=True)


def _clock() -> Finding:
    skew = abs(problems.clock_skew())
    problem = "Set the clock of this host: the times in its logs are wrong" if skew > problems.MAX_SKEW_S else ""
    return Finding("clock", f"{skew:.0f} s from the database's", problem)


def _hosts() -> Iterator[Finding]:
    """The hosts of session workers: each that takes nothing, or went away within a day, is named."""
    hosts: dict[str, list[Worker]] = {}
    for worker in online.seen(within_s=local_repository.FORGOTTEN_AFTER.total_seconds()).order_by("host", "-seen_at"):
        hosts.setdefault(worker.host_id or worker.pk, []).append(worker)
    since = timezone.now() - timedelta(seconds=settings.LEASE_S)
    for newest, *others in hosts.values():
        subject = f"session worker of {newest.host}"
        if newest.seen_at <= since:
            yield Finding(
                subject, "away", f"Not seen since {times.stamp(newest.seen_at, UTC)}: start it again, or look at its log"
            )
            continue
        for worker in (newest, *(other for other in others if other.seen_at > since)):
            is_ = f"{worker.version or 'no version'}, {counted(worker.slots, 'slot', 'slots')}"
            yield Finding(subject, is_, worker.trouble)


def _repository(workspace: Workspace) -> Finding:
    subject = f"repository of {workspace.name}"
    try:
        repo = local_repository.ensure(workspace)
        if (authority := local_repository.authority_of(workspace)) is not None:
            authority.refs("HEAD")
    except GitError as problem:
        return Finding(subject, "unreachable", str(problem))
    return Finding(subject, str(repo), "" if repo.is_dir() else f"{repo} is missing: put it back")
