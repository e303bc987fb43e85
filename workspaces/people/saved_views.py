"""Saved views: the team names, renames and deletes them, each change recorded. Members who may operate change them, and all see them."""

from django.db import IntegrityError, transaction

from workspaces import activity
from workspaces.access import Caller
from workspaces.activity import events
from workspaces.activity.events import ViewEvent
from workspaces.errors import Invalid, NotFound
from workspaces.models import SavedView, Workspace

MAX_VIEWS = 30
_TAKEN = "There is a view of that name already"


def save(workspace: Workspace, name: str, query: str, *, by: Caller) -> SavedView:
    """Raises Invalid when the name is taken, or there are MAX_VIEWS."""
    try:
        with transaction.atomic():
            Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
            if SavedView.objects.filter(workspace=workspace).count() >= MAX_VIEWS:
                raise Invalid(f"A workspace has at most {MAX_VIEWS} views: delete one first", "name")
            view = SavedView.objects.create(workspace=workspace, name=name, query=query, created_by=by.name)
            _record(view, events.ViewSaved(name=name, query=query), by=by)
    except IntegrityError:
        raise Invalid(_TAKEN, "name") from None
    return view


def rename(workspace_id: str, view_id: int, name: str, *, by: Caller) -> SavedView:
    """Raises NotFound, or Invalid when the name is taken."""
    try:
        with transaction.atomic():
            view = _locked(workspace_id, view_id)
            before, view.name = view.name, name
            view.save(update_fields=["name"])
            _record(view, events.ViewRenamed(before=before, name=name), by=by)
    except IntegrityError:
        raise Invalid(_TAKEN, "name") from None
    return view


def delete(workspace_id: str, view_id: int, *, by: Caller) -> SavedView:
    """Returns what was deleted. Raises NotFound."""
    with transaction.atomic():
        view = _locked(workspace_id, view_id)
        _record(view, events.ViewDeleted(name=view.name, query=view.query), by=by)
        view.delete()
    return view


def _locked(workspace_id: str, view_id: int) -> SavedView:
    mine = SavedView.objects.select_for_update(of=("self",)).filter(workspace_id=workspace_id, pk=view_id)
    view = mine.first()
    if view is None:
        raise NotFound("View not found: it may have been deleted")
    return view


def _record(view: SavedView, event: ViewEvent, *, by: Caller) -> None:
    activity.record(view.workspace_id, event, by=by)
