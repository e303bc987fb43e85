"""The door of the search: a page of its own, and with `?fragment=hits` the list of the command palette."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.find import actions, hits, places, records
from dashboard.find.hits import Group
from dashboard.shared.decorators import logged_in
from orchestration.models import Executor
from workspaces import access
from workspaces.access import GRANTS, Caller, Need
from workspaces.errors import NotFound
from workspaces.models import Role, Workspace
from workspaces.values import ids

MAX_WORKSPACES = 200


@logged_in
def page(request: HttpRequest, caller: Caller) -> HttpResponse:
    """`?w=`: the workspace that the person is in; one that they may not see is none."""
    text = request.GET.get("q", "")[: hits.MAX_LENGTH]
    here, rights = _here(caller, request.GET.get("w", ""))
    words = hits.words_of(text)
    context = {"text": text, "here": here, "groups": [group for group in _groups(caller, here, rights, words) if group.hits]}
    if request.GET.get("fragment") == "hits":
        return render(request, "find/find.html#hits", context | {"in_palette": True})
    return render(request, "find/find.html", context | {"page_url": request.get_full_path()})


def _here(caller: Caller, workspace_id: str) -> tuple[Workspace | None, set[Need]]:
    if not ids.is_id(workspace_id):
        return None, set()
    try:
        workspace, role = access.workspace_and_role(caller, workspace_id)
    except NotFound:
        return None, set()
    return workspace, GRANTS[Role(role)]


def _groups(caller: Caller, here: Workspace | None, rights: set[Need], words: tuple[str, ...]) -> Iterator[Group]:
    mine = {workspace.pk: workspace for workspace in access.workspaces_for(caller)[:MAX_WORKSPACES]}
    verbs = [*actions.in_workspace(here, Executor.objects.get(pk=here.pk), rights)] if here else []
    verbs += actions.on_site(caller)
    if words:
        yield Group("entries", "Entries", records.entries(mine, here, words))
    both = Group("actions", "Actions", hits.pick(verbs, words)), Group("pages", "Pages", hits.pick(places.pages(here), words))
    yield from reversed(both) if hits.is_named(both[1].hits, words) else both
    if words:
        yield Group("settings", "Settings", hits.pick(places.settings(here, rights), words))
    yield Group("sessions", "Sessions", records.sessions(mine, here, words))
    yield Group("files", "Files", records.files(mine, here, words))
    yield Group("workspaces", "Workspaces", hits.pick(records.workspaces(mine.values()), words))
