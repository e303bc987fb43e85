"""What the pages share: who asks and where, a page or one of its regions as the answer, and what a form answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from budget.models import Project
from orchestration.models import Executor, Session, Worker
from workspaces import access
from workspaces.access import GRANTS, Caller, Need
from workspaces.errors import Conflict, Forbidden, NotFound, Refused
from workspaces.models import Role, Workspace

P = ParamSpec("P")
SEE_OTHER = 303
COUNTED_TO = 10_000  # beyond, a count says so much and costs no more
STATUS: dict[type[Refused], int] = {NotFound: 404, Forbidden: 403, Conflict: 409}


@dataclass(frozen=True)
class Scene:
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
        counted = {name: RawSQL(sql, [*parameters]) for name, (sql, parameters) in self._counts().items()}
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
            "orphans": (
                """(SELECT count(*) FROM orchestration_filelock l JOIN orchestration_entry e ON e.id = l.entry_id
                WHERE l.workspace_id = %s AND (e.status IN ('done', 'failed', 'blocked') OR NOT e.has_rounds OR e.deleted_at IS NOT NULL)
                AND NOT EXISTS (SELECT 1 FROM orchestration_session s WHERE s.entry_id = e.id AND s.status IN ('claimed', 'running')))""",
                [mine],
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


Build = Callable[[Scene], dict[str, Any]]


@dataclass(frozen=True)
class Region:
    """A part of a page that fetches itself: the template (with the partial's name) and what it needs."""

    template: str
    build: Build


def person(view: Callable[Concatenate[HttpRequest, Caller, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Pages are for people who are logged in. What is refused becomes an answer here, in one place."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _signed_out() if _by_htmx(request) else redirect_to_login(request.get_full_path())
        try:
            response: HttpResponseBase = view(request, access.of_user(request.user), *args, **kwargs)
        except Refused as refused:
            response = _refuse(request, refused)
        response.headers.setdefault("Cache-Control", "private, no-cache")  # one that shows a secret says no-store itself
        return response

    return wrapped


def in_workspace(
    need: Need = Need.VIEW,
) -> Callable[[Callable[Concatenate[Scene, P], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """A page or a form of one workspace, for those who may."""

    def decorate(view: Callable[Concatenate[Scene, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def wrapped(
            request: HttpRequest, caller: Caller, workspace_id: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            workspace, role = access.entered(caller, workspace_id, need)
            return view(Scene(request, caller, workspace, role), *args, **kwargs)

        return person(wrapped)

    return decorate


def show(scene: Scene, template: str, regions: Mapping[str, Region], **context: Any) -> HttpResponse:
    """The page, or the one region of it that asks for itself (`?fragment=`)."""
    name = scene.request.GET.get("fragment", "")
    if name in regions:
        region = regions[name]
        asked_for = _common(scene) | context | region.build(scene)
        return HttpResponse(render_to_string(region.template, asked_for, request=scene.request))
    everything = _common(scene) | context
    for region in regions.values():
        everything |= region.build(scene)
    return render(scene.request, template, everything)


@dataclass(frozen=True)
class Undo:
    """What takes the act of a form back, offered in the line that says how it went."""

    label: str
    action: str
    fields: Mapping[str, Any]


def done(scene: Scene, sentence: str, *, tone: str = "good", undo: Undo | None = None) -> HttpResponse:
    """What a form answers: with htmx the sentence, upon which every live region fetches itself; else a redirect to the page."""
    if not _by_htmx(scene.request):
        messages.success(scene.request, sentence, extra_tags=tone)
        return HttpResponseRedirect(came_from(scene), status=SEE_OTHER)
    response = HttpResponse(result(scene.request, sentence, tone=tone, undo=undo, back=came_from(scene)))
    response["HX-Trigger-After-Swap"] = "muster:changed"
    return response


def confirm(
    scene: Scene,
    *,
    title: str,
    sentence: str,
    button: str,
    action: str,
    fields: Mapping[str, Any],
    points: Sequence[str] = (),
    status: int = 0,
    typed: str = "",
) -> HttpResponse:
    """Ask once more: what happens, point by point where it is much, and one button. A page of its own, or with htmx a question in the
    place of the result.

    409 for a plain form that was sent without its confirmation: nothing was done. `status`: for htmx too. `typed`: what the
    person has to write before the button works.
    """
    asked = {"title": title, "sentence": sentence, "button": button, "action": action, "fields": fields, "back": came_from(scene)}
    asked |= {"points": points, "typed": typed}
    if _by_htmx(scene.request):
        asking = render_to_string("parts/result.html", {"ask": asked, "oob": True}, request=scene.request)
        return HttpResponse(asking, status=status or 200)
    refused = 409 if scene.request.method == "POST" else 200
    return render(scene.request, "confirm.html", _common(scene) | asked, status=status or refused)


def came_from(scene: Scene) -> str:
    """The page that a form was sent from: as it says itself, if that is one of ours."""
    said = scene.request.POST.get("next") or scene.request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(said, allowed_hosts=None):
        return said
    return reverse("workspace", args=[scene.workspace.pk])


def result(request: HttpRequest, sentence: str, *, tone: str, undo: Undo | None = None, back: str = "") -> str:
    """The line that says how it went, to be put in its place by htmx."""
    told = {"sentence": sentence, "tone": tone, "oob": True, "undo": undo, "back": back}
    return render_to_string("parts/result.html", told, request=request)


def _by_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _common(scene: Scene) -> dict[str, Any]:
    query = scene.request.GET.copy()
    query.pop("fragment", None)
    return {
        "scene": scene,
        "section": _section(scene.request.path),
        "workspace": scene.workspace,
        "may_operate": scene.may(Need.OPERATE),
        "may_budget": scene.may(Need.BUDGET),
        "may_admin": scene.may(Need.ADMIN),
        "page_url": f"{scene.request.path}?{query.urlencode()}" if query else scene.request.path,
    }


def _section(path: str) -> str:
    """Which section of the way a page belongs to: the first word of its address below the workspace's; the overview has none."""
    word = (path.split("/") + [""] * 4)[3]
    return {"agents": "settings", "notices": "settings", "sessions": "workers"}.get(word, word)


def _signed_out() -> HttpResponse:
    """A redirect would put the login page into a region; the page's script shows a link instead."""
    return HttpResponse(status=401, headers={"HX-Reswap": "none"})


def _refuse(request: HttpRequest, refused: Refused) -> HttpResponse:
    """Bad input goes back to its form; what is not allowed or not there gets the error page. With htmx: the sentence alone."""
    status = next((code for kind, code in STATUS.items() if isinstance(refused, kind)), 422)
    if _by_htmx(request):
        response = HttpResponse(result(request, refused.message, tone="bad"), status=status)
        response["HX-Reswap"] = "none"
        return response
    if status == 404:
        raise Http404(refused.message)
    if status == 403:
        raise PermissionDenied(refused.message)
    messages.error(request, refused.message, extra_tags="bad")
    said = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(said, allowed_hosts=None)
    return HttpResponseRedirect(said if safe else reverse("workspaces"), status=SEE_OTHER)
