"""The activity log of one workspace, narrowed by who, what, which object, and when."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from dashboard.activity.views import ABOUT as ACTIVITIES
from tests.dashboard.seeds import entries as seed
from tests.factories import a_session, a_workspace, an_entry
from workspaces import people
from workspaces.activity import events
from workspaces.models import Event, Workspace


def rows(client: Client, workspace: Workspace, **query: str) -> list[dict[str, str]]:
    """The rows of the CSV, the oldest first."""
    response = client.get(f"/w/{workspace.pk}/settings/activity/", {"format": "csv", **query})
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(content.decode().lstrip("\ufeff"))))


@pytest.fixture
def shop(db: None) -> Workspace:
    shop, other = a_workspace(), a_workspace(name="Other")
    day = datetime(2026, 5, 15, 12, tzinfo=UTC)
    for workspace, verb, actor, kind, object_id, fields in (
        (shop, "executor.paused", "ana", "human", shop.pk, {"request_id": "r-1"}),
        (shop, "entry.held", "ana", "human", "entry_a", {"reason": "later"}),
        (shop, "entry.landed", "muster", "automation", "entry_b", {}),
        (shop, "entries.added", "bob", "human", "", {"request_id": "r-1"}),
        (shop, "session.ended", "muster", "automation", "sess_a", {}),
        (other, "entry.held", "ana", "human", "entry_a", {"request_id": "r-1"}),
    ):
        Event.objects.create(workspace=workspace, verb=verb, actor=actor, actor_kind=kind, object_id=object_id, at=day, **fields)
    return shop


@pytest.mark.parametrize(
    ("query", "verbs"),
    [
        ({}, ["executor.paused", "entry.held", "entry.landed", "entries.added", "session.ended"]),
        ({"kind": "automation"}, ["entry.landed", "session.ended"]),
        ({"actor": "ana"}, ["executor.paused", "entry.held"]),
        ({"verb": "entry"}, ["entry.held", "entry.landed", "entries.added"]),
        ({"verb": "entry.held"}, ["entry.held"]),
        ({"verb": "entries"}, ["entries.added"]),
        ({"verb": "session"}, ["session.ended"]),
        ({"request": "r-1"}, ["executor.paused", "entries.added"]),
        ({"object": "entry_a"}, ["entry.held"]),
        ({"object": "entry_z"}, []),
        ({"kind": "human", "verb": "entry", "actor": "bob"}, ["entries.added"]),
        ({"kind": "nonsense"}, ["executor.paused", "entry.held", "entry.landed", "entries.added", "session.ended"]),
    ],
)
def test_each_choice_narrows_the_list(ana: Client, shop: Workspace, query: dict[str, str], verbs: list[str]) -> None:
    assert [row["verb"] for row in rows(ana, shop, **query)] == verbs


@pytest.mark.parametrize(
    ("span", "count"),
    [
        ({"from": "2026-05-15"}, 5),
        ({"from": "2026-05-16"}, 0),
        ({"until": "2026-05-15"}, 5),
        ({"to": "2026-05-15"}, 5),
        ({"to": "2026-05-14"}, 0),
        ({"from": "2026-05-15", "to": "2026-05-15"}, 5),
    ],
)
def test_days_are_whole_ones(ana: Client, shop: Workspace, span: dict[str, str], count: int) -> None:
    assert len(rows(ana, shop, **span)) == count


def test_a_number_stands_for_the_entry_and_its_sessions_in_this_workspace(ana: Client, shop: Workspace) -> None:
    session, other = a_session(an_entry(shop)), an_entry(Workspace.objects.exclude(pk=shop.pk).get())
    assert session.entry.seq == other.seq
    for object_id in (session.entry_id, session.pk, other.pk):
        Event.objects.create(workspace=shop, verb="entry.tried", actor="ana", actor_kind="human", object_id=object_id)
    for name in (f"{other.seq}", f"#{other.seq}"):
        assert [row["object_id"] for row in rows(ana, shop, object=name, verb="entry.tried")] == [session.entry_id, session.pk]
    assert rows(ana, shop, object="#99") == []


def test_a_line_has_all_of_its_event(ana: Client, shop: Workspace) -> None:
    [row] = rows(ana, shop, verb="entry.held")
    expected: dict[str, Any] = {"actor": "ana", "actor_kind": "human", "object_id": "entry_a", "reason": "later"}
    assert {name: row[name] for name in expected} == expected and row["at"].startswith("2026-05-15")


def test_days_are_those_of_the_reader(ana: Client, shop: Workspace) -> None:
    """Noon of the fifteenth in UTC is two in the morning of the sixteenth on Kiritimati."""
    people.save_preferences(seed.user("ana"), time_zone="Pacific/Kiritimati")
    assert [len(rows(ana, shop, **{"from": day, "to": day})) for day in ("2026-05-15", "2026-05-16", "2026-05-17")] == [0, 5, 0]
    Event.objects.create(
        workspace=shop,
        verb="entry.late",
        actor="ana",
        actor_kind="human",
        at=datetime(2026, 5, 16, 9, 59, 59, 999_999, tzinfo=UTC),
    )
    Event.objects.create(
        workspace=shop, verb="entry.next", actor="ana", actor_kind="human", at=datetime(2026, 5, 16, 10, tzinfo=UTC)
    )
    Event.objects.create(
        workspace=shop, verb="entry.early", actor="ana", actor_kind="human", at=datetime(2026, 5, 15, 10, tzinfo=UTC)
    )
    day = {"from": "2026-05-16", "to": "2026-05-16"}
    assert [row["verb"] for row in rows(ana, shop, verb="entry", actor="ana", **day)] == [
        "entry.held",
        "entry.late",
        "entry.early",
    ]


def test_a_verb_is_whole_or_a_whole_word_before_the_point(ana: Client, shop: Workspace) -> None:
    for verb in ("entry.held_again", "entrylike.held"):
        Event.objects.create(workspace=shop, verb=verb, actor="ana", actor_kind="human")
    assert [row["verb"] for row in rows(ana, shop, verb="entry.held")] == ["entry.held"]
    assert rows(ana, shop, verb="entr") == [] and rows(ana, shop, verb="entrylike")[0]["verb"] == "entrylike.held"


def test_a_list_shows_its_choices_and_is_filtered_only_by_those(ana: Client, shop: Workspace) -> None:
    page = ana.get(f"/w/{shop.pk}/settings/activity/", {"verb": "entry.held", "actor": "ana", "object": "<b>"}).context
    assert page["filtered"] and page["verbs"][-1] == ("entry.held", "entry.held") and page["ignored"]
    assert [row["event"].verb for row in page["rows"]] == ["entry.held"]
    page = ana.get(f"/w/{shop.pk}/settings/activity/").context
    assert not page["filtered"] and page["verbs"][-1][0] in ACTIVITIES and len(page["rows"]) == 5


def test_each_verb_is_in_one_group_at_most_and_the_groups_know_their_verbs() -> None:
    groups = {verb: [name for name, (_, begins) in ACTIVITIES.items() if verb.startswith(begins)] for verb in events.registered()}
    assert {verb for verb, names in groups.items() if len(names) > 1} == set()
    expected = {"entry.held": "entry", "view.saved": "entry", "run.asked": "plan", "budget.limit": "budget", "review.opened": "review",
                "channel.added": "notice", "member.role": "member", "person.made": "member", "token.revoked": "token"}  # fmt: skip
    assert {verb: groups[verb][0] for verb in expected if verb in groups} == {
        verb: name for verb, name in expected.items() if verb in groups}  # fmt: skip
    assert all(any(verb.startswith(prefix) for verb in groups) for _, begins in ACTIVITIES.values() for prefix in begins)
