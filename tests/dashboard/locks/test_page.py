"""Locked paths of one workspace: who holds each, who waits for it, and which are orphans."""

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from dashboard.locks import views
from orchestration.models import Entry, FileLock, Session
from tests.dashboard.conftest import client_of
from tests.factories import CLOSED, a_session, a_workspace, an_entry
from workspaces.models import Workspace


def rows(client: Client, shop: Workspace, **query: str) -> list[dict[str, str]]:
    response = client.get(f"/w/{shop.pk}/backlog/locks/", {"format": "csv", **query})
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(content.decode().lstrip("\ufeff"))))


def paths(client: Client, shop: Workspace, **query: str) -> list[str]:
    return [row["path"] for row in rows(client, shop, **query)]


def lock(entry: Entry, *names: str) -> Entry:
    FileLock.objects.bulk_create(FileLock(workspace=entry.workspace, path=name, entry=entry) for name in names)
    return entry


def park(entry: Entry, behind: Entry, *wants: str, **fields: object) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(parked_behind=behind, paths=list(wants), reason_at=now(), **fields)
    return entry


@pytest.fixture
def shop(db: None) -> Workspace:
    """#1 is at work, #2 is between two rounds, #3 is done; #4 waits for the first, and its paths."""
    shop, other = a_workspace(max_workers=1), a_workspace(name="Other")
    at_work = an_entry(shop)
    a_session(at_work)
    between, done, waits = (an_entry(shop) for _ in range(3))
    Entry.objects.filter(pk=between.pk).update(has_rounds=True)
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    lock(at_work, "src/b.py", "src/a/", "srcs")
    lock(between, "docs/x.md")
    lock(done, "old.py")
    theirs = an_entry(other)
    lock(theirs, "src/b.py")
    park(an_entry(other), theirs, "src/b.py")
    park(waits, at_work, "src/b.py", "src/a/deep/c.py")
    return shop


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["docs/x.md", "old.py", "src/a/", "src/b.py", "srcs"]),
        ({"state": "held"}, ["docs/x.md", "src/a/", "src/b.py", "srcs"]),
        ({"state": "orphan"}, ["old.py"]),
        ({"state": "waiting"}, ["src/a/", "src/b.py"]),
        ({"path": "SRC/"}, ["src/a/", "src/b.py"]),
        ({"entry": "#2"}, ["docs/x.md"]),
        ({"entry": "2"}, ["docs/x.md"]),
        ({"entry": "#9"}, []),
        ({"state": "held", "path": "x", "entry": "#2"}, ["docs/x.md"]),
    ],
)
def test_each_choice_narrows_the_list(ana: Client, shop: Workspace, query: dict[str, str], expected: list[str]) -> None:
    assert paths(ana, shop, **query) == expected


def test_an_entry_is_chosen_by_its_id_too(ana: Client, shop: Workspace) -> None:
    assert paths(ana, shop, entry=Entry.objects.get(workspace=shop, seq=3).pk) == ["old.py"]


def test_a_line_has_holder_session_and_who_waits(ana: Client, shop: Workspace) -> None:
    by_path = {row["path"]: row for row in rows(ana, shop)}
    session = Session.objects.get(workspace=shop)
    assert [by_path[path]["waiting"] for path in ("src/b.py", "src/a/", "srcs", "docs/x.md")] == ["#4", "#4", "", ""]
    assert (by_path["src/b.py"]["entry"], by_path["src/b.py"]["session_id"], by_path["src/b.py"]["state"]) == (
        "#1",
        session.pk,
        "held",
    )
    assert (by_path["docs/x.md"]["session_id"], by_path["old.py"]["state"]) == ("", "orphan")
    Session.objects.filter(pk=session.pk).update(lease_until=now() - timedelta(seconds=1))
    assert {row["state"] for row in rows(ana, shop, entry="#1")} == {"unknown"}


@pytest.mark.parametrize("fields", [{"deleted_at": now()}, {"status": "blocked", "reason_code": "human_hold"}])
def test_what_was_deleted_or_put_on_hold_waits_for_no_path(ana: Client, shop: Workspace, fields: dict[str, object]) -> None:
    Entry.objects.filter(workspace=shop, seq=4).update(**fields)
    assert paths(ana, shop, state="waiting") == [] and {row["waiting"] for row in rows(ana, shop)} == {""}


def test_the_page_names_the_longest_wait_and_counts_what_there_is(ana: Client, shop: Workspace) -> None:
    park(an_entry(shop, content="later"), Entry.objects.get(workspace=shop, seq=1), "src/b.py")
    longest = now() - timedelta(hours=3)
    Entry.objects.filter(workspace=shop, seq=4).update(reason_at=longest)
    seen = ana.get(f"/w/{shop.pk}/backlog/locks/", {"fragment": "locks", "path": "src/"}).context
    assert (seen["longest"].seq, seen["longest_since"], seen["waiting_entries"]) == (4, longest, 2)
    assert (seen["total"], seen["shown"], seen["orphans"]) == (5, 2, 1)
    assert [folder for folder, _ in seen["groups"]] == ["src/"] and seen["filtered"]


def test_orphans_are_released_with_a_reason_and_no_others(shop: Workspace) -> None:
    otto, vera = client_of("otto", "operator", shop), client_of("vera", "viewer", shop)
    first, second, third = (Entry.objects.get(workspace=shop, seq=seq) for seq in (1, 2, 3))
    address = f"/w/{shop.pk}/backlog/locks/{{}}/release/"
    headers = {"HX-Request": "true"}
    assert vera.post(address.format(third.pk), {"reason": "gone"}).status_code == 403
    for kept in (first, second):
        assert otto.post(address.format(kept.pk), {"reason": "gone"}, headers=headers).status_code == 422
    assert otto.post(address.format(third.pk), {"reason": ""}, headers=headers).status_code == 422
    assert "Release 1 path of #3" in otto.post(address.format(third.pk), {"reason": "gone"}).content.decode()
    assert FileLock.objects.filter(workspace=shop).count() == 5


def test_a_filtered_list_counts_what_it_leaves_out_and_its_csv_is_whole(
    shop: Workspace, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MAX_LOCKS", 2)
    monkeypatch.setattr(views, "MAX_WAITING", 1)
    otto = client_of("otto", "operator", shop)
    at_work, waits = Entry.objects.filter(workspace=shop).order_by("seq")[0], an_entry(shop)
    park(waits, at_work, "srcs")
    page = otto.get(f"/w/{shop.pk}/backlog/locks/?path=src").content.decode()
    assert "The first 2 of 3 by path." in page and "<strong>2</strong>\n    entries wait" in page
    assert paths(otto, shop, path="src") == ["src/a/", "src/b.py", "srcs"]
