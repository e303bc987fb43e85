"""One request for a page of a workspace: who asks and where, and the page, or one of its regions, as the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from budget.models import Project
from orchestration.backlog import orphans
from orchestration.models import Executor, FileLock, Session, Worker
from workspaces.access import GRANTS, Caller, Need
from workspaces.models import Role, Workspace

COUNTED_TO = 10_000  # beyond, a count says so much and costs no more


@dataclass(frozen=True)
class PageRequest:
    """One request for a page of a workspace, by someone who may see it."""

    request: HttpRequest
    caller: Caller
    workspace: Workspace
    role: Role

    def may(self, need: Need) -> bool:
        return need in GRANTS[self.role]

    @cached_property
    def executor(self) -> Executor:
        """Read once for all regions of a page, with the money beside it and how many sessions are open."""
        mine = Session.objects.filter(workspace=OuterRef("pk"), status__in=Session.OPEN).order_by().values("workspace")
        at_work = Coalesce(Subquery(mine.annotate(n=Count("pk")).values("n")), 0)
        newest = Worker.objects.filter(queue="control", ticked_at__isnull=False).order_by("-ticked_at").values("ticked_at")[:1]
        rows = Executor.objects.select_related("workspace__project").annotate(at_work=at_work, ticked_at=Subquery(newest))
        counted: dict[str, Any] = {name: RawSQL(sql, [*parameters]) for name, (sql, parameters) in self._counts().items()}
        left = orphans.filter_orphans(FileLock.objects.filter(workspace=OuterRef("pk"))).order_by().values("workspace")
        counted["orphans"] = Coalesce(Subquery(left.annotate(n=Count("pk")).values("n")), 0)
        return rows.annotate(**counted).get(pk=self.workspace.pk)

    def _counts(self) -> dict[str, tuple[str, list[Any]]]:
        """What the way and the banner count, with the row that every page reads anyway. Nothing is counted further than anybody reads."""
        mine, most = self.workspace.pk, COUNTED_TO + 1
        return {
            "open_entries": (
                """(SELECT count(*) FROM (SELECT 1 FROM orchestration_entry WHERE workspace_id = %s AND deleted_at IS NULL
                AND status IN ('pending', 'in_progress', 'blocked', 'failed') LIMIT %s) e)""",
                [mine, most],
            ),
            "locked_paths": (
                "(SELECT count(*) FROM (SELECT 1 FROM orchestration_filelock WHERE workspace_id = %s LIMIT %s) l)",
                [mine, most],
            ),
            "reviews_waiting": (
                """(SELECT count(*) FROM budget_review r WHERE r.project_id = %s AND r.state = 'open' AND r.author <> %s AND NOT EXISTS
                (SELECT 1 FROM budget_decision d WHERE d.review_id = r.id AND d.version = r.version AND d.reviewer = %s))""",
                [mine, self.caller.name, self.caller.name],
            ),
        }

    def counted(self, name: str) -> int:
        """`open_entries`, `locked_paths` (at most COUNTED_TO + 1), `orphans` or `reviews_waiting` (for this caller's decision)."""
        return int(getattr(self.executor, name))

    @cached_property
    def memo(self) -> dict[str, Any]:
        """What several regions of one page need, kept by whoever read it first."""
        return {}

    @property
    def at_work(self) -> int:
        """Open sessions."""
        return self.executor.at_work  # type: ignore[attr-defined]

    @property
    def ticked_at(self) -> datetime | None:
        """When the executor last showed that it lives; None: it never did."""
        return self.executor.ticked_at  # type: ignore[attr-defined]

    @property
    def project(self) -> Project:
        return self.executor.workspace.project


Build = Callable[[PageRequest], dict[str, Any]]


@dataclass(frozen=True)
class Region:
    """A part of a page that fetches itself: the template (with the partial's name) and what it needs."""

    template: str
    build: Build


def show(page_request: PageRequest, template: str, regions: Mapping[str, Region], **context: Any) -> HttpResponse:
    """The page, or the one region of it that asks for itself (`?fragment=`)."""
    name = page_request.request.GET.get("fragment", "")
    if name in regions:
        region = regions[name]
        asked_for = common(page_request) | context | region.build(page_request)
        return HttpResponse(render_to_string(region.template, asked_for, request=page_request.request))
    everything = common(page_request) | context
    for region in regions.values():
        everything |= region.build(page_request)
    return render(page_request.request, template, everything)


def common(page_request: PageRequest) -> dict[str, Any]:
    """What every page of a workspace knows."""
    query = page_request.request.GET.copy()
    query.pop("fragment", None)
    return {
        "page_request": page_request,
        "section": _section(page_request.request.path),
        "workspace": page_request.workspace,
        "may_operate": page_request.may(Need.OPERATE),
        "may_budget": page_request.may(Need.BUDGET),
        "may_admin": page_request.may(Need.ADMIN),
        "page_url": f"{page_request.request.path}?{query.urlencode()}" if query else page_request.request.path,
    }


def _section(path: str) -> str:
    """Which section of the way a page belongs to: the first word of its address below the workspace's; the overview has none."""
    word = (path.split("/") + [""] * 4)[3]
    return {"agents": "settings", "notices": "settings", "sessions": "workers"}.get(word, word)
