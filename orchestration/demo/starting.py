"""A run of the demo: a fresh repository and a workspace for it, whose executor starts and whose planner is asked."""

import secrets
import shutil
from pathlib import Path

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from budget.amounts import usd
from orchestration import schemas
from orchestration.backlog import drafts, entries
from orchestration.configuration import workspace_setup
from orchestration.demo.backlog import CONFIG, ENTRIES, MAX_PROJECT_SPEND_USD, TOTAL_BUDGET_USD
from orchestration.demo.project import make_repository
from orchestration.demo.steering import GOAL
from orchestration.executor import control
from orchestration.proposals import run_requests
from workspaces.access import Caller
from workspaces.models import Workspace

log = structlog.get_logger(__name__)

NAME = "Demo: a ledger in plain text"
BY = Caller("demo")
FIRST = "ws_demo0000000000000000"
"""The id of the workspace that the first login makes: of two at once, the database lets one make it."""


def start(*, running: bool = True, workspace_id: str = "", replaces: Workspace | None = None, by: Caller = BY) -> Workspace:
    """Make a workspace of the demo, in one transaction. `replaces`: an earlier one, which `by` deletes: Invalid while its sessions run."""
    repo = settings.DATA_DIR / f"demo-{secrets.token_hex(3)}"
    make_repository(repo)
    try:
        with transaction.atomic():
            if replaces is not None:
                workspace_setup.delete(replaces, by=by)
            return _create(repo, workspace_id=workspace_id, running=running)
    except BaseException:
        shutil.rmtree(repo, ignore_errors=True)
        raise


def _create(repo: Path, *, workspace_id: str, running: bool) -> Workspace:
    workspace = workspace_setup.create(
        NAME,
        str(repo),
        total_budget=usd(str(TOTAL_BUDGET_USD)),
        max_project_spend=usd(str(MAX_PROJECT_SPEND_USD)),
        config=CONFIG,
        workspace_id=workspace_id,
        by=BY,
    )
    items = schemas.EntriesIn.model_validate({"entries": ENTRIES}).entries
    entries.add(workspace.pk, [drafts.from_request(item) for item in items], by=BY)
    if running:
        control.start(workspace.pk, by=BY)
        run_requests.plan(workspace, GOAL, by=BY)
    return workspace


def at_first_login() -> Workspace | None:
    """Start the demo where MUSTER_DEMO allows it and there has never been a workspace: a deleted one is one. None: it was not started. Logs errors
    and raises none, since a person is logging in."""
    if not settings.DEMO or Workspace.objects.exists():
        return None
    try:
        return start(workspace_id=FIRST)
    except IntegrityError:
        return None  # another login was first
    except Exception:
        log.exception("demo.not_started")
        return None


def without_demos(workspaces: QuerySet[Workspace]) -> QuerySet[Workspace]:
    return workspaces.exclude(repo__startswith=str(settings.DATA_DIR / "demo-"))


def is_demo(workspace: Workspace) -> bool:
    """True if the workspace is a run of the demo, by its repository."""
    repo = Path(workspace.repo)
    return repo.parent == settings.DATA_DIR and repo.name.startswith("demo-")
