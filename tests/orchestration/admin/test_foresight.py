"""A fix foresees what it changes and keeps, for an entry in every state at once; the admin's links lead to pages that exist."""

from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.admin import fixes, places  # noqa: F401  (fills the table)
from orchestration.models import Dependency, Entry, FileLock, LogChunk, Round, Session, Worker
from tests.factories import ANA, CLOSED, a_session, a_workspace, an_entry, ended
from workspaces.admin.base import places as addresses
from workspaces.admin.fixes import Line, Outlook
from workspaces.models import ApiToken, Workspace

pytestmark = pytest.mark.django_db


def set_to(entry: Entry, **fields: Any) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(**fields)
    return Entry.objects.select_related("workspace", "account").get(pk=entry.pk)


FAILED: dict[str, Any] = {"status": "failed", "reason_code": "rounds_exhausted"}


def crowd(shop: Workspace) -> dict[str, Entry]:
    """One in each state, and one of a workspace that was deleted."""
    states: dict[str, dict[str, Any]] = {
        "in line": {},
        "at work": {"status": "in_progress"},
        "done": CLOSED,
        "failed": FAILED,
        "held": {"status": "blocked", "reason_code": "human_hold"},
        "left out": {"deleted_at": now()},
    }
    entries = {name: set_to(an_entry(shop, content=name), **fields) for name, fields in states.items()}
    gone = a_workspace(name="Gone")
    entries["elsewhere"] = set_to(an_entry(gone, content="elsewhere"), **FAILED)
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    return {name: Entry.objects.select_related("workspace").get(pk=entry.pk) for name, entry in entries.items()}


def changed(outlook: Outlook) -> list[tuple[str, str, str]]:
    return [(line.what.split(" ", 1)[1].split(" in ")[0], line.before, line.after) for line in outlook.changes]


def kept(outlook: Outlook) -> dict[str, str]:
    return {line.what.split(" ", 1)[1].rsplit(" in ", 1)[0]: line.after for line in outlook.kept}


UNTOUCHABLE = {
    "at work": "It is in progress: stop its session first",
    "left out": "It was taken off the backlog",
    "elsewhere": "Its workspace was deleted",
}


def test_what_is_stuck_is_requeued_and_nothing_else(shop: Workspace) -> None:
    entries = crowd(shop)
    Dependency.objects.create(entry=entries["held"], depends_on=entries["failed"])
    outlook = fixes.Requeue().foresee(list(entries.values()), {})
    assert changed(outlook) == [
        ("failed", "failed: rounds_exhausted", "pending"),
        ("held", "blocked: human_hold", "pending"),
    ]
    assert kept(outlook) == {**UNTOUCHABLE, "in line": "It is in line already", "done": "It is done"}
    [line] = fixes.Requeue().foresee([entries["held"]], {}).changes
    assert line == Line(f"{entries['held']} in {shop}", "blocked: human_hold", "blocked: dependency_failed")
    blocked = set_to(entries["held"], reason_code="dependency_failed")
    assert kept(fixes.Requeue().foresee([blocked], {})) == {"held": "An entry that it depends on has failed: requeue that one"}


def test_what_can_still_run_is_marked_as_failed_with_those_that_wait_for_it(shop: Workspace) -> None:
    entries = crowd(shop)
    for waiting in ("held", "done", "left out"):
        Dependency.objects.create(entry=entries[waiting], depends_on=entries["in line"])
    for _ in range(2):
        Dependency.objects.create(entry=an_entry(shop), depends_on=entries["in line"])
    outlook = fixes.MarkFailed().foresee(list(entries.values()), {})
    assert changed(outlook) == [
        ("in line", "pending", "failed; blocked by that: 2"),
        ("held", "blocked: human_hold", "failed; blocked by that: 0"),
    ]
    assert kept(outlook) == {**UNTOUCHABLE, "failed": "It has failed already", "done": "It is done"}


def test_what_others_need_stays_on_the_backlog(shop: Workspace) -> None:
    entries = crowd(shop)
    Dependency.objects.create(entry=entries["in line"], depends_on=entries["held"])
    Dependency.objects.create(entry=entries["left out"], depends_on=entries["failed"])
    outlook = fixes.TakeOff().foresee(list(entries.values()), {})
    assert [name for name, _, _ in changed(outlook)] == ["in line", "done", "failed"]
    assert kept(outlook) == {**UNTOUCHABLE, "held": "Other entries depend on it"}


def test_all_locks_of_an_orphan_are_released_and_those_in_use_kept(shop: Workspace) -> None:
    session = a_session(an_entry(shop, content="open session"))
    entries = crowd(shop)
    between = set_to(an_entry(shop, content="between rounds"), has_rounds=True)
    for entry in (entries["held"], entries["in line"], session.entry, between):
        for path in (f"{entry.content}/b", f"{entry.content}/a"):
            FileLock.objects.create(workspace=shop, entry=entry, path=path)
    for name in ("done", "failed"):
        set_to(entries[name], parked_behind=entries["held"])
    selected = list(FileLock.objects.filter(path__endswith="/b"))
    outlook = fixes.ReleaseLocks().foresee(selected, {})
    assert sorted((line.what, line.after) for line in outlook.changes) == [
        ("held/a", "free; entries waiting for it: 2"),
        ("held/b", "free; entries waiting for it: 2"),
        ("in line/a", "free; entries waiting for it: 0"),
        ("in line/b", "free; entries waiting for it: 0"),
    ]
    assert sorted((line.what, line.after.split(":")[0]) for line in outlook.kept) == [
        ("between rounds/a", "It keeps them between its rounds"),
        ("between rounds/b", "It keeps them between its rounds"),
        ("open session/a", "It has an open session"),
        ("open session/b", "It has an open session"),
    ]
    assert fixes.ReleaseLocks().apply(selected, {}, by=ANA, reason="r") == "Released locks: 4"
    assert set(FileLock.objects.values_list("entry__content", flat=True)) == {"open session", "between rounds"}


def test_a_session_is_ended_where_its_worker_is_gone(shop: Workspace) -> None:
    alive, over = a_session(an_entry(shop)), ended(a_session(an_entry(shop)))
    claimed = a_session(an_entry(shop))
    Session.objects.filter(pk=claimed.pk).update(status="claimed")
    assert Worker.objects.exists()
    outlook = fixes.Reap().foresee([Session.objects.get(pk=each.pk) for each in (alive, over, claimed)], {})
    assert outlook.changes == [] and [line.after.split(",")[0] for line in outlook.kept] == [
        "Its worker is alive",
        "It has ended",
        "No worker has taken it yet",
    ]


def test_links_lead_to_what_still_has_a_page(shop: Workspace) -> None:
    session = a_session(an_entry(shop))
    entry, round_ = session.entry, Round.objects.get(session=session)
    chunk = LogChunk(session=session, first_seq=7)
    token, persons = ApiToken(workspace=shop, session_ref=session.pk), ApiToken(workspace=shop)
    at = {
        "entry": addresses[Entry](entry),
        "round": addresses[Round](round_),
        "log": addresses[LogChunk](chunk),
        "token": addresses[ApiToken](token),
        "person's token": addresses[ApiToken](persons),
    }
    root = f"/w/{shop.pk}"
    assert at["entry"] == f"{root}/backlog/{entry.pk}/" and at["round"].startswith(f"{root}/backlog/{entry.pk}/")
    assert at["round"] != at["entry"] and at["log"].endswith("#L7") and at["person's token"] == ""
    assert at["token"].startswith(root) and session.pk in at["token"]
    entry.deleted_at = now()
    assert addresses[Entry](entry) == f"{root}/settings/activity/?object={entry.pk}"
    Workspace.objects.filter(pk=shop.pk).update(deleted_at=now())
    assert addresses[Entry](entry) == addresses[LogChunk](chunk) == addresses[Workspace](shop) == ""
