"""Creates workspaces from repositories and changes their settings."""

import secrets
import shlex
from collections.abc import Collection
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.timezone import get_current_timezone, now
from pydantic import ValidationError

from budget.limits import caps
from budget.models import Project
from orchestration import configuration
from orchestration.configuration import agent_checks, circuit_breaker, credentials, difference, entry_routes, writable_judges
from orchestration.configuration.config import agent_kinds
from orchestration.facts import events
from orchestration.git import branches
from orchestration.git import command as git
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Integration, Session, Worker
from orchestration.processes import stage_probe
from workspaces import activity, times
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid
from workspaces.machine import hosts
from workspaces.models import Event, Workspace
from workspaces.outgoing import addresses
from workspaces.outgoing.addresses import NotAllowed
from workspaces.people import members
from workspaces.schemas import property_path
from workspaces.values import ids

CLONE_TIMEOUT_S = 600
PROPOSERS = {"planner", "expander", "orchestrator"}
REQUEST_KEYS = {"prices", "prompts", "round_ceiling_usd", "gateway", "route", "routes"}
"""Keys with an effect on requests or their cost, besides those of agents."""


def create(
    name: str,
    repo: str,
    *,
    base_branch: str | None = None,
    total_budget: int,
    max_project_spend: int,
    config: dict[str, Any] | None = None,
    by: Caller,
    clone_path: Path | None = None,
    workspace_id: str = "",
) -> Workspace:
    """Create a workspace from a path inside MUSTER_REPO_ROOTS, or from a git URL. A finished clone is not cloned again. Amounts in micro-USD.

    Raises Invalid with the invalid field, and IntegrityError for a taken `workspace_id`. Then only a clone's folder is left behind.
    """
    workspace = Workspace(id=workspace_id or ids.workspace(), name=name, created_by=by.name)
    checked = validated(initial_config(), config or {})
    credentials.refuse_unknown(workspace.pk, checked)
    path, origin = (clone_path, repo) if clone_path else _repository(repo)
    try:
        workspace.base_branch = branches.check_repository(path, base_branch)
        branches.ensure_integration(path, checked.integration_branch, workspace.base_branch)
    except git.GitError as error:
        raise Invalid(str(error)[:300], "base_branch" if base_branch else "repo") from None
    workspace.repo, workspace.origin, workspace.host_id = str(path), origin, hosts.host_id()
    if taken := _taken_by(workspace, checked.integration_branch):
        raise Invalid(taken, "repo")
    with transaction.atomic():
        workspace.save(force_insert=True)
        caps.open_project(workspace.pk, total_budget=total_budget, max_project_spend=max_project_spend)
        Executor.objects.create(workspace=workspace, config=configuration.stored(checked))
        Integration.objects.create(workspace=workspace)
        agent_checks.request(workspace.pk)
        activity.record(workspace.pk, events.WorkspaceCreated(name=name), by=by, object_id=workspace.pk)
    wake_ups.request_check()  # a lander runs the checks on the base
    workspace.refresh_from_db()
    return workspace


def initial_config() -> dict[str, Any]:
    """The config of a new workspace. A default of the schema would change existing workspaces."""
    return {"sandbox": {"network": "private" if has_private_networks() else "auto"}}


def has_private_networks() -> bool:
    """True if private networks work on each host whose session worker is online. A worker of this host that has not reported yet is not waited for:
    they are tried here, since a first workspace may come before the first report. One query."""
    reports = list(_online_workers().values_list("host_id", "agents"))
    return bool(reports) and all(
        stage_probe.REPORTED in agents.get("sandbox", "") if agents else host_id == hosts.host_id() and _works_here()
        for host_id, agents in reports
    )


def _works_here() -> bool:
    return settings.SANDBOX != "none" and not stage_probe.probe().problem


def _online_workers() -> QuerySet[Worker]:
    return Worker.objects.filter(queue="sessions", seen_at__gt=Now() - timedelta(seconds=settings.LEASE_S))


def _taken_by(workspace: Workspace, integration_branch: str) -> str:
    """The conflict with another workspace on the branch, or "": each would take the other's landings for foreign commits."""
    same = Executor.objects.filter(workspace__repo=workspace.repo, workspace__deleted_at__isnull=True)
    for other in same.exclude(pk=workspace.pk).select_related("workspace"):
        if configuration.load(other.config).integration_branch == integration_branch:
            return (
                f"the workspace {other.workspace.name!r} lands on {integration_branch} of this repository already: "
                "use it, or set another `integration_branch`"
            )
    return ""


def configure(workspace: Workspace, change: dict[str, Any], *, by: Caller, base_version: str = "") -> configuration.Config:
    """Merge a change into the config. Raises Invalid for an unknown key or a value out of bounds, and Conflict unless the config still has the base version
    (`difference.version`).
    """
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=workspace.pk)
        if base_version and base_version != difference.version(executor.config):
            raise Conflict(f"{_conflict_message(workspace)}. Nothing was overwritten")
        config = validated(executor.config, change)
        before = configuration.load(executor.config)
        if config.integration_branch != before.integration_branch:
            if taken := _taken_by(workspace, config.integration_branch):
                raise Invalid(taken, "integration_branch")
            try:
                branches.ensure_integration(Path(workspace.repo), config.integration_branch, workspace.base_branch)
            except git.GitError as error:
                raise Invalid(str(error)[:300], "integration_branch") from None
        credentials.refuse_unknown(workspace.pk, config)
        if gone := before.agents.keys() - config.agents.keys():
            _refuse_in_use(workspace, gone)
        if {"agents", "route", "routes"} & set(change):
            _refuse_without_program(config)
        kept = configuration.stored(config)
        Executor.objects.filter(pk=executor.pk).update(config=kept)
        _apply_change(workspace, change.keys(), config)
        Integration.objects.filter(pk=workspace.pk).update(due=True)
        event = events.WorkspaceConfigured(keys=sorted(change), changes=difference.changes(executor.config, kept))
        activity.record(workspace.pk, event, by=by, object_id=workspace.pk)
    wake_ups.enqueue_cycle(workspace.pk)
    wake_ups.request_check()
    wake_ups.publish_change(workspace.pk, "executor", "entries")
    return config


def set_base_url(workspace: Workspace, credential: str, url: str, *, by: Caller) -> None:
    """Set or reset the base URL of a credential: in its row, or in its agents' env where it is of a secret, a variable or a login. Raises Invalid."""
    if credentials.is_named_by_admin(credential):
        credentials.put(workspace.pk, credential, {"base_url": url or None}, by=by)
        return
    config = configuration.load(Executor.objects.get(pk=workspace.pk).config)
    agents = credentials.derived_users(config, circuit_breaker.secret_names(workspace.pk), credential)
    if not agents:
        raise Invalid(f"No agent uses {credential[:40]}: reload the page", "name")
    configure(workspace, credentials.base_url_change(agents, credential, url), by=by)


def _apply_change(workspace: Workspace, keys: Collection[str], config: configuration.Config) -> None:
    """Apply changed keys to breakers, entries and agent checks."""
    changed = set(keys)
    if {"agent", "agents", "interceptor", "verifier"} & changed:
        circuit_breaker.half_open(workspace.pk)
    if REQUEST_KEYS & changed:
        entry_routes.forget_refusals(workspace.pk)
    if {"agent", "agents", "interceptor", "verifier", *PROPOSERS} & changed:
        agent_checks.request(workspace.pk)
    if {"agents", "route", "routes"} & changed:
        entry_routes.set_next_agents(workspace.pk, config)


def _refuse_in_use(workspace: Workspace, names: Collection[str]) -> None:
    """Raises Invalid while an open entry has one of these agents, also in its route."""
    waiting = Entry.objects.filter(~Q(agent="") | ~Q(route=[]), workspace=workspace, deleted_at__isnull=True)
    values = waiting.exclude(status=Entry.Status.DONE).order_by("seq").values_list("seq", "agent", "route").iterator()
    asked = ((seq, {agent, *(step.get("agent", "") for step in route)} & set(names)) for seq, agent, route in values)
    if users := list(islice(((seq, min(its)) for seq, its in asked if its), 6)):
        numbers = ", ".join(f"#{seq}" for seq, _ in users[:5]) + (" and more" if len(users) > 5 else "")
        verb = "asks" if len(users) == 1 else "ask"
        raise Invalid(f"{numbers} {verb} for the agent {users[0][1]}: choose another one for them first", "agents")


def _refuse_without_program(config: configuration.Config) -> None:
    """Raises Invalid for a route with a program of no online host. Until all hosts have reported, nothing is refused."""
    reports = list(_online_workers().values_list("agents", flat=True))
    if not all(reports):
        return
    for place, step in config.named_steps if reports else ():
        kind = config.by_name["" if step.agent == configuration.DEFAULT else step.agent].kind
        if kind not in agent_kinds.OF_CONFIG and not any(kind in report for report in reports):
            problem = f"{agent_kinds.title(kind)} of {step.agent} is on no host that is online: install it there first"
            raise Invalid(f"{place}: {problem}", "route" if place.startswith("route,") else "routes")


def _conflict_message(workspace: Workspace) -> str:
    last = Event.objects.filter(workspace=workspace, verb=events.WorkspaceConfigured.verb).order_by("-id").first()
    if last is None:
        return "The config was changed meanwhile"
    keys = ", ".join(change["key"] for change in last.data.get("changes", [])[:6]) or "the config"
    return f"{last.actor} changed {keys} meanwhile, at {times.clock(last.at, get_current_timezone(), now())}"


def validated(stored: dict[str, Any], change: dict[str, Any]) -> configuration.Config:
    """Merge and validate. Raises Invalid with the path of the first invalid key."""
    try:
        config = configuration.merged(stored, change)
    except ValidationError as error:
        problem = error.errors()[0]
        name = property_path(problem["loc"], unknown=problem["type"] == "extra_forbidden")
        raise Invalid(str(problem["msg"]).removeprefix("Value error, "), name or "config") from None
    for name, message in server_problems(config).items():
        raise Invalid(message, name)
    for role in PROPOSERS & change.keys():
        proposer: configuration.Proposer | None = getattr(config, role)
        if proposer is not None and proposer.acting_agent.kind == "command" and not proposer.acting_agent.command:
            key = f"{role}.agent" if proposer.agent_name else f"{role}.agent.command"
            raise Invalid("Write the command that runs this agent, or choose another agent", key)
    return config


def server_problems(config: configuration.Config) -> dict[str, str]:
    """Problems with this server's settings and files, by property. They are checked at saving alone: a stored config must stay readable on every host."""
    problems = writable_judges.problems(config)
    if problem := _unreachable_provider(config):
        problems["sandbox.network"] = problem
    if config.forge is not None and config.forge.url:
        try:
            addresses.check(config.forge.url)
        except NotAllowed as refused:
            problems["forge.url"] = str(refused)
    return problems


def _unreachable_provider(config: configuration.Config) -> str:
    """The sentence about an agent without a network to its provider, or ""."""
    kinds = [(named.name, named.agent.kind) for named in credentials.named_agents(config) if named.agent.kind != "command"]
    if config.sandbox.network != "none" or not kinds:
        return ""
    name, kind = kinds[0]
    return (
        f"none keeps {agent_kinds.named(kind)} ({name}) from its provider: set proxy, which with nothing in sandbox.allow lets an agent behind "
        "the gateway reach that and Muster alone"
    )


def change(
    workspace: Workspace, *, name: str | None, total_budget: int | None, max_project_spend: int | None, by: Caller
) -> None:
    """Change the name or the amounts (micro-USD) of a workspace."""
    with transaction.atomic():
        if name is not None and name != workspace.name:
            members.rename(workspace, name, by=by)
        project = Project.objects.get(pk=workspace.pk)
        for field, amount in (("total_budget", total_budget), ("max_project_spend", max_project_spend)):
            if amount is not None:
                caps.set_project(project, field, amount, by=by)


def delete(workspace: Workspace, *, by: Caller) -> None:
    """Delete a workspace. The row stays, with its ledger. Raises Invalid while sessions run."""
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace.pk)
        if Session.of_any_role.filter(workspace=workspace, status__in=Session.OPEN).exists():
            raise Invalid("Sessions are running: stop them first", "workspaceID")
        Executor.objects.filter(pk=workspace.pk).update(state=Executor.State.PAUSED)
        Workspace.objects.filter(pk=workspace.pk).update(deleted_at=Now())
        activity.record(workspace.pk, events.WorkspaceDeleted(), by=by, object_id=workspace.pk)


def _repository(repo: str) -> tuple[Path, str]:
    """The path of a repository and its URL, or "". Raises Invalid."""
    if "://" in repo or (":" in repo and not repo.startswith("/") and "@" in repo.split(":")[0]):
        return _clone(repo), repo
    return allowed_path(repo), ""


def allowed_path(repo: str) -> Path:
    """The resolved path of a repository on the server. Raises Invalid outside MUSTER_REPO_ROOTS."""
    try:
        path = Path(repo).expanduser()
        resolved = path.resolve() if path.is_absolute() else None
        if resolved is not None:
            resolved.is_dir()
    except (RuntimeError, OSError, ValueError):  # an unknown home, a loop of links, an impossible name
        raise Invalid("is not a path on this server", "repo") from None
    if resolved is None:
        raise Invalid("must be an absolute path on the server, or a git URL", "repo")
    path = resolved
    if not any(path.is_relative_to(root) for root in [*settings.REPO_ROOTS, settings.DATA_DIR]):
        roots = ", ".join(str(root) for root in settings.REPO_ROOTS)
        allowing = shlex.quote(":".join(map(str, dict.fromkeys([*settings.REPO_ROOTS, path.parent]))))
        hint = f"to allow it, set MUSTER_REPO_ROOTS={allowing} for this command and for Muster, which must be started again"
        raise Invalid(f"must lie inside one of MUSTER_REPO_ROOTS ({roots}); {hint}", "repo")
    return path


def _clone(url: str) -> Path:
    if "://" in url and urlsplit(url).scheme not in ("https", "http", "ssh", "git"):
        raise Invalid("must be a path, or a git URL by https, ssh or git", "repo")
    if url.startswith("-"):
        raise Invalid("is not a git URL", "repo")
    repos = settings.DATA_DIR / "repos"
    repos.mkdir(parents=True, exist_ok=True)
    target = repos / secrets.token_hex(8)
    try:
        git.run(repos, "clone", "--quiet", "--no-checkout", "--end-of-options", url, str(target), timeout_s=CLONE_TIMEOUT_S)
    except git.GitError as error:
        raise Invalid(f"could not be cloned: {str(error)[-200:]}", "repo") from None
    return target
