"""Shared parts of pages are exact: states, words, confirmations, versions of regions, progress of a stop, and recent events."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import RequestFactory
from django.utils.timezone import now

from budget.models import Hold
from dashboard.shared import confirmation, fragments, region_versions, stop_progress
from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import entry_state, event_text, labels
from dashboard.shared.texts.labels import Link
from orchestration.models import Entry, Executor, Session
from tests.dashboard.page_requests import page_request
from tests.dashboard.seeds import entries as seed
from tests.factories import a_workspace, an_entry
from workspaces import access, activity
from workspaces.access import MUSTER
from workspaces.activity.events import WorkspaceRenamed
from workspaces.errors import NotFound
from workspaces.models import Event, Role, Workspace

NOW = now()


# States and words


@pytest.mark.parametrize(
    ("fields", "asks", "group", "badge"),
    [
        ({"status": "in_progress"}, False, "running", "in_progress"),
        ({"status": "done"}, True, "done", "done"),
        ({"status": "failed"}, False, "failed", "failed"),
        ({"status": "blocked", "reason_code": "human_hold"}, False, "blocked", "held"),
        ({"status": "blocked", "reason_code": "budget_exceeded"}, False, "blocked", "blocked"),
        ({"status": "pending"}, False, "ready", "ready"),
        ({"status": "pending"}, True, "review", "review"),
        ({"status": "pending", "reason_code": "waiting_for_approval"}, False, "review", "review"),
        ({"status": "pending", "unmet_dependencies": 1}, False, "waiting", "pending"),
        ({"status": "pending", "parked_behind_id": "entry_2"}, False, "waiting", "pending"),
        ({"status": "pending", "not_before": NOW + timedelta(hours=1)}, False, "waiting", "pending"),
        ({"status": "pending", "not_before": NOW - timedelta(hours=1)}, False, "ready", "ready"),
    ],
)
def test_an_entry_has_one_state(fields: dict[str, Any], asks: bool, group: str, badge: str) -> None:
    entry = Entry(**fields)
    assert (entry_state.group(entry, asks=asks), entry_state.badge(entry, asks=asks)) == (group, badge)


def test_a_moment_that_has_come_delays_no_entry() -> None:
    entry = Entry(status="pending", not_before=NOW)
    assert entry_state.group(entry, NOW) == "ready" and entry_state.group(entry, NOW - timedelta(seconds=1)) == "waiting"


@pytest.mark.parametrize(
    ("seconds", "duration", "age"),
    [
        (-3, "0s", "just now"), (4.9, "4s", "just now"), (5, "5s", "5s ago"), (59, "59s", "59s ago"), (60, "1m 00s", "1m ago"),
        (3599, "59m 59s", "59m ago"), (3600, "1h 00m", "1h ago"), (86_399, "23h 59m", "23h ago"), (93_600, "1d 02h", "26h ago"),
    ],
)  # fmt: skip
def test_times_change_their_unit_at_its_bound(seconds: float, duration: str, age: str) -> None:
    assert (labels.duration(seconds), labels.age(timedelta(seconds=seconds))) == (duration, age)


def test_ids_in_a_sentence_become_links_and_long_lists_are_cut() -> None:
    names = {"entry_1": Link("#1", "/1"), "entry_2": Link("#2", "")}
    assert labels.linked("Held by entry_1 and entry_2.", names) == [
        ("Held by ", ""), ("#1", "/1"), (" and ", ""), ("#2", ""), (".", "")]  # fmt: skip
    links = [(f"#{n}", f"/{n}") for n in range(1, 5)]
    assert labels.listed("For ", links[:2], limit=2) == [("For ", ""), links[0], (", ", ""), links[1]]
    assert labels.listed("For ", links, limit=2)[-1] == (" and 2 more", "")
    assert labels.badge("dancing_now") == ("odd", "unknown", "Dancing now")


def test_a_change_is_read_from_an_event_as_people_read_it() -> None:
    assert event_text.change({"before_usd": 1, "after_usd": None}) == ("$1.00", "—")
    assert event_text.change({"before": 1, "after": 2}) == ("1", "2") and event_text.change(
        {"x": 1}
    ) is None is event_text.change(None)
    assert event_text.sentence("odd.verb_x", {}, None) == [("odd: verb x", "")] and event_text.symbol("odd.verb") == "dot"


# Confirmations


def posted(shop: Workspace, token: str, name: str = "ana", **form: str) -> PageRequest:
    request = RequestFactory().post(f"/w/{shop.pk}/", {"confirm": token} | form)
    request.user = seed.user(name)
    return PageRequest(request, access.of_user(request.user), shop, Role.ADMIN)


def test_a_confirmation_is_for_one_person_action_subject_and_workspace(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    token = confirmation.token(page_request(shop), "stop", 3)
    assert confirmation.is_confirmed(posted(shop, token), "stop", 3) and confirmation.is_confirmed(
        posted(shop, token), "stop", "3"
    )
    for asked, action, subject in (
        (posted(shop, token, "bea"), "stop", 3), (posted(shop, token), "kill", 3), (posted(shop, token), "stop", 4),
        (posted(a_workspace(name="Other"), token), "stop", 3), (posted(shop, ""), "stop", 3), (posted(shop, token[:-1]), "stop", 3),
    ):  # fmt: skip
        assert not confirmation.is_confirmed(asked, action, subject)
    monkeypatch.setattr(confirmation, "VALID_S", -1)
    assert not confirmation.is_confirmed(posted(shop, token), "stop", 3)


# Live regions


def test_a_region_differs_by_what_it_shows_and_not_by_tokens_and_clocks() -> None:
    html = '<input name="csrfmiddlewaretoken" value="{}"><time class="num" data-ago="2026">{}</time><p>{}</p>'
    single = region_versions.of(html.format("a", "1s ago", "x"))
    assert single == region_versions.of(html.format("b", "2s ago", "x")) != region_versions.of(html.format("a", "1s ago", "y"))
    assert region_versions.parse("nav,header:1f0c,,") == {"nav": "", "header": "1f0c"}
    assert len(region_versions.parse(",".join(f"r{n}" for n in range(50)))) == 40


def test_only_what_changed_is_sent_and_a_region_that_fails_stops_no_other(db: None, settings: Any) -> None:
    def render(name: str) -> str:
        if name == "broken":
            raise RuntimeError
        return name

    shown = {"same": region_versions.of("same"), "broken": "", "new": "x"}
    answer = json.loads(region_versions.answer(shown, shown, render, build=settings.BUILD).content)
    assert answer == {"regions": {"new": {"version": region_versions.of("new"), "html": "new"}}, "failed": ["broken"]}

    def gone(name: str) -> str:
        raise NotFound("gone")

    with pytest.raises(NotFound):
        region_versions.answer({"new": ""}, ["new"], gone, build=settings.BUILD)


# Stopping


@pytest.mark.parametrize(
    ("fields", "beyond", "state", "words"),
    [
        ({"status": "running"}, 0, "waiting", "stop requested, ending"),
        ({"status": "running", "stop_wanted_at": -1}, 0, "waiting", "stop requested, ending"),
        ({"status": "running", "stop_wanted_at": 1}, 1, "silent", "no response: it still lives, and Muster goes on ending it"),
        ({"status": "running", "stop_wanted_at": 1, "kill_wanted_at": 0}, 1, "killing", "is being killed"),
        ({"status": "running", "stop_wanted_at": 9, "kill_wanted_at": 1}, 2, "silent", "no response: it still lives, and Muster goes on ending it"),
        ({"status": "ended", "outcome": "stopped", "stop_wanted_at": 5, "ended_at": 2}, 0, "ended", "stopped after 3.0 s"),
        ({"status": "ended", "outcome": "passed", "stop_wanted_at": 2, "ended_at": 5}, 0, "ended", "passed before the stop after 0.0 s"),
        ({"status": "ended", "outcome": "asked", "stop_wanted_at": 5, "ended_at": 5}, 0, "ended", "ended after 0.0 s"),
    ],
)  # fmt: skip
def test_a_session_confirms_its_stop_or_is_silent_beyond_its_grace(
    settings: Any, fields: dict[str, Any], beyond: int, state: str, words: str
) -> None:
    patience = (settings.STOP_GRACE_S + stop_progress.SLOW.total_seconds()) * beyond
    moved = {
        name: value + patience if name in ("stop_wanted_at", "kill_wanted_at") and value else value
        for name, value in fields.items()
    }
    at = now()
    times = {name: at - timedelta(seconds=value) for name, value in moved.items() if name.endswith("_at")}
    shown = stop_progress._session_stop(Session(**moved | times))
    assert (shown.state, shown.words) == (state, words)


def test_a_stop_is_shown_until_all_confirmed_and_two_minutes_more(shop: Workspace) -> None:
    entry = an_entry(shop)
    at = now()
    Executor.objects.filter(pk=shop.pk).update(state="paused", stop_all_at=at - timedelta(minutes=5), stop_all_by="bea")
    old = {"attempt": 1, "workspace": shop, "status": "ended", "outcome": "stopped"}
    ended = Session.objects.create(
        id=f"sess_{1:020}", entry=entry, stop_wanted_at=at - timedelta(minutes=4), ended_at=at - timedelta(minutes=1), **old
    )
    Session.objects.create(
        id=f"sess_{2:020}",
        entry=an_entry(shop),
        stop_wanted_at=at - timedelta(minutes=6),
        ended_at=at - timedelta(minutes=6),
        **old,
    )
    stop = stop_progress.load(page_request(shop))
    assert stop and ([each.session.pk for each in stop.sessions], stop.summary, stop.by) == (
        [ended.pk],
        "1 of 1 confirmed",
        "bea",
    )
    assert stop.complete and stop.all_asked and stop.silent == []
    Session.objects.filter(pk=ended.pk).update(ended_at=at - timedelta(minutes=3))
    assert stop_progress.load(page_request(shop)) is None
    Executor.objects.filter(pk=shop.pk).update(state="running")
    assert stop_progress.load(page_request(shop)) is None


# Events


def test_half_of_the_recent_events_are_of_people_where_there_are_so_many(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(by: Any, number: int, where: Workspace = shop) -> None:
        for _ in range(number):
            activity.record(where.pk, WorkspaceRenamed(before="a", after="b"), by=by)

    def kinds(limit: int) -> str:
        rows = fragments.activity(page_request(shop), limit=limit)["events"]
        assert [row["event"].pk for row in rows] == sorted((row["event"].pk for row in rows), reverse=True)
        return "".join(row["event"].actor_kind[0] for row in rows)

    record(ANA_HERSELF, 6)
    record(MUSTER, 3)
    record(ANA_HERSELF, 9, a_workspace(name="Other"))
    assert kinds(4) == "aahh" and kinds(8) == "aaahhhhh" and kinds(20) == "aaahhhhhh"
    record(MUSTER, 9)
    assert kinds(4) == "aahh" and kinds(5) == "aaahh" and kinds(10) == "aaaaahhhhh" and kinds(20) == "aaaaaaaaaaaahhhhhh"
    monkeypatch.setattr(fragments, "MAX_LOOKED_AT", 13)
    assert kinds(20) == "aaaaaaaaaaaah", "further back nobody is looked for"


ANA_HERSELF = access.Caller("ana", user=object())


def test_events_and_ids_lead_to_the_pages_that_there_are(shop: Workspace) -> None:
    here, gone, theirs = an_entry(shop), an_entry(shop), an_entry(a_workspace(name="Other"))
    Entry.objects.filter(pk=gone.pk).update(deleted_at=NOW)
    base = f"/w/{shop.pk}"
    links = {here.pk: Link("#1", f"{base}/backlog/{here.pk}/"), gone.pk: Link("#2", "")}
    assert fragments.entry_links(page_request(shop), {here.pk, gone.pk, theirs.pk, "sess_1", shop.pk}) == links
    for object_id, data, about, session in (
        (here.pk, {}, links[here.pk], ""),
        (gone.pk, {}, links[gone.pk], ""),
        ("sess_1", {"entry": here.pk}, links[here.pk], f"{base}/sessions/sess_1/"),
        ("sess_1", {}, None, f"{base}/sessions/sess_1/"),
        ("rev_1", {"number": 3, "entry": here.pk}, Link("review #3", f"{base}/money/reviews/rev_1/"), ""),
        ("rev_1", [], Link("review #?", f"{base}/money/reviews/rev_1/"), ""),
        ("", {}, None, ""),
    ):
        event = Event.objects.create(workspace=shop, actor="ana", actor_kind="human", verb="x.y", object_id=object_id, data=data)
        row = fragments.with_entries(Event.objects.filter(pk=event.pk)).get()
        assert (fragments._about(row), fragments._session(row)) == (about, session), object_id
    for verb, why in (("session.passed", ""), ("session.failed", "It is red"), ("x.y", "It is red")):
        event = Event.objects.create(workspace=shop, actor="ana", actor_kind="human", verb=verb, reason="It is red")
        assert fragments.event_row(fragments.with_entries(Event.objects.filter(pk=event.pk)).get())["why"] == why


@pytest.mark.parametrize(
    ("fields", "quiet"),
    [
        ({"last_output_at": 4}, ""),
        ({"last_output_at": 6}, "quiet"),
        ({"last_output_at": 9}, "quiet"),
        ({"last_output_at": 11}, "alarming"),
        ({"last_output_at": 4, "started_at": 20}, ""),
        ({"started_at": 6}, "quiet"),
        ({}, "alarming"),
    ],
)
def test_a_session_at_work_has_its_silence_and_its_money(fields: dict[str, int], quiet: str) -> None:
    times = {name: now() - timedelta(minutes=minutes) for name, minutes in fields.items()}
    session = Session(
        status="running", phase="implementation", entry=Entry(seq=1), claimed_at=now() - timedelta(minutes=30), **times
    )
    assert fragments._worker(session) == {
        "session": session, "entry": session.entry, "status": "running", "phase": labels.PHASES["implementation"],
        "cost": 0, "quiet": quiet,
    }  # fmt: skip
    session.hold = Hold(amount=9, drawn=4)
    assert fragments._worker(session)["cost"] == 4


# Caps
