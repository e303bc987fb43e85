"""The page of one session: what it has left, its locks, its own round and events, and the forms on it, with neighbours that would count."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from budget.models import Account, Hold, Project
from dashboard.sessions import detail, fleet, timeline, views
from dashboard.sessions.rows import build_row
from orchestration import configuration
from orchestration.models import Executor, FileLock, Round, Session
from tests.dashboard.page_requests import page_request
from tests.factories import a_session, a_workspace, an_entry, ended
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.shop(max_workers=9)

HTMX = {"HX-Request": "true"}
NOON = datetime(2026, 8, 4, 12, tzinfo=UTC)


def fresh(session: Session) -> Session:
    return Session.objects.select_related("entry__account", "hold", "worker").get(pk=session.pk)


def facts(session: Session) -> dict[str, Any]:
    return detail.facts(page_request(session.workspace), fresh(session))


def set_(session: Session, **fields: Any) -> Session:
    Session.objects.filter(pk=session.pk).update(**fields)
    return session


def test_what_is_left_is_the_lesser_of_its_entry_and_the_limit_above(shop: Workspace) -> None:
    session = a_session(an_entry(shop, budget="5"))
    Hold.objects.filter(pk=fresh(session).hold_id).update(amount=900, drawn=200)
    Account.objects.filter(pk=session.entry_id).update(spent=1_000_000, held=500_000)
    held = Project.objects.get(pk=shop.pk).held
    for above, left, bound_by in ((9_000_000, 3_500_000, ""), (3_500_000, 3_500_000, ""), (3_400_000, 3_400_000, "the cap")):
        Project.objects.filter(pk=shop.pk).update(max_project_spend=above + held, total_budget=50_000_000)
        seen = facts(session)
        assert (seen["left"], seen["bound_by"], seen["hold_left"]) == (left, bound_by, 700), above
    Hold.objects.filter(pk=fresh(session).hold_id).update(drawn=1000)
    assert facts(session)["hold_left"] == 0


def test_locks_round_and_times_are_of_this_session(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    session, neighbour = a_session(an_entry(shop)), a_session(an_entry(shop))
    for entry, path in ((session.entry, "b.py"), (session.entry, "a.py"), (neighbour.entry, "c.py")):
        FileLock.objects.create(workspace=shop, entry=entry, path=path)
    for limit, shown, more in ((2, ["a.py", "b.py"], False), (1, ["a.py"], True)):
        monkeypatch.setattr(detail, "MAX_LOCKS", limit)
        assert (facts(session)["locks"], facts(session)["more_locks"]) == (shown, more)
    set_(session, status="ended", ended_by_version="0.2.0", outcome="failed", claimed_at=NOON, started_at=NOON, ended_at=NOON + timedelta(minutes=9),
         phases=[["starting", NOON.isoformat()], ["verification", (NOON + timedelta(minutes=4)).isoformat()]])  # fmt: skip
    later = Session.objects.create(
        workspace=shop, entry=session.entry, attempt=2, status="ended", outcome="failed", ended_at=NOON
    )
    Round.objects.create(entry=session.entry, session=later, number=2)
    seen = facts(session)
    assert (seen["round"].number, seen["over"]) == (1, True)
    assert [took for _, _, took in seen["totals"]] == [timedelta(minutes=4), timedelta(minutes=5)]


def test_events_are_of_this_session_the_newest_first_with_its_phases(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    session, neighbour = a_session(an_entry(shop)), a_session(an_entry(shop))
    set_(session, phases=[["starting", "2000-01-01T00:00:00+00:00"], ["verification", "2000-01-01T00:05:00+00:00"]])
    for n, target in enumerate((session, neighbour, session)):
        Event.objects.create(
            workspace=shop, verb="session.stop_requested", object_id=target.pk, actor="otto", actor_kind="human", reason=f"{n}", data={}
        )  # fmt: skip
    request = page_request(shop)
    happened = detail.events(request, fresh(session))["happened"]
    assert [item["why"] for item in happened[:2]] == ["2", "0"]
    assert [item["sentence"][0][0] for item in happened[-2:]] == ["began to verify", "began to set up"]
    assert [item["at"] for item in happened] == sorted((item["at"] for item in happened), reverse=True)
    monkeypatch.setattr(detail, "MAX_EVENTS", 1)
    assert [item["why"] for item in detail.events(request, fresh(session))["happened"]][:1] == ["2"]


def test_its_steps_are_those_of_the_workspace_and_only_an_open_doubt_is_a_question(shop: Workspace) -> None:
    Executor.objects.filter(pk=shop.pk).update(config={"max_workers": 9, "interceptor": {"agent": {"command": "true"}}})
    session = a_session(an_entry(shop))
    assert [word for word, _ in detail.head(page_request(shop), fresh(session))["row"].steps] == [
        "set up", "implement", "review", "verify", "merge"]  # fmt: skip
    assert detail.head(page_request(shop), fresh(session))["doubt"] is None
    for doubt, asked in (("open", True), ("true", False), ("untrue", False)):
        row = fresh(session)
        row.doubt = doubt
        assert (detail.head(page_request(shop), row)["doubt"] is not None) is asked, doubt


def test_a_chosen_agent_is_one_line_with_its_reason(ana: Client, shop: Workspace) -> None:
    session = a_session(an_entry(shop))
    page = f"/w/{shop.pk}/sessions/{session.pk}/"
    assert "Chosen" not in ana.get(page).content.decode()
    set_(session, choice={"agent": "strong", "why": "Step 2 of 3: step 1 failed 2 rounds."})
    assert '<dt>Chosen</dt><dd>strong <span class="muted">Step 2 of 3: step 1 failed 2 rounds.</span></dd>' in (
        ana.get(page).content.decode()
    )


def test_the_tabs_of_a_session(ana: Client, shop: Workspace) -> None:
    session = a_session(an_entry(shop))
    base = f"/w/{shop.pk}/sessions/{session.pk}/"
    assert [ana.get(base, {"tab": tab}).context["where"] for tab in ("", "events", "odd")] == ["summary", "events", "summary"]
    assert ana.get(base, {"tab": "log"}).url == f"{base}log/"  # type: ignore[attr-defined]
    other = a_workspace(name="Other")
    assert ana.get(f"/w/{other.pk}/sessions/{session.pk}/").status_code == 404


# The list


def row_of(session: Session) -> Any:
    return build_row(fresh(session), configuration.load({}), NOON)


def test_a_lane_begins_with_its_claim_until_it_has_phases(shop: Workspace) -> None:
    session = set_(
        a_session(an_entry(shop)), claimed_at=NOON - timedelta(minutes=9), started_at=NOON - timedelta(minutes=8), phases=[]
    )
    lane = timeline.lane(row_of(session), NOON)
    assert [(bar.phase, bar.start, bar.end) for bar in lane.spans] == [
        ("starting", NOON - timedelta(minutes=9), NOON - timedelta(minutes=8))]  # fmt: skip
    assert (lane.name, lane.running, lane.failed) == ("#1", True, False)
    set_(session, phases=[["verification", (NOON - timedelta(minutes=7)).isoformat()]])
    assert [bar.phase for bar in timeline.lane(row_of(session), NOON).spans] == ["verification"]
    set_(session, status="ended", ended_by_version="0.2.0", outcome="crashed", ended_at=NOON - timedelta(minutes=6))
    lane = timeline.lane(row_of(session), NOON)
    assert ([bar.end for bar in lane.spans], lane.running, lane.failed) == ([NOON - timedelta(minutes=6)], False, True)


def test_lanes_beyond_the_limit_are_counted_and_their_clock_is_the_readers(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row_of(set_(a_session(an_entry(shop)), claimed_at=NOON - timedelta(minutes=n))) for n in (17, 3, -1)]
    for limit, more in ((3, 0), (2, 1)):
        monkeypatch.setattr(timeline, "MAX_LANES", limit)
        assert timeline.draw(rows, NOON)["lanes_more"] == more
    with timezone.override("Asia/Kathmandu"):
        assert "17:45" in timeline.draw(rows, NOON)["lanes"]


def test_the_lanes_are_as_long_as_the_sessions_and_an_hour_at_most(shop: Workspace) -> None:
    session = a_session(an_entry(shop))
    for began, minutes in ((-1, 5), (0, 5), (4, 5), (5, 10), (57, 60), (600, 60)):
        set_(session, claimed_at=NOON - timedelta(minutes=began))
        assert f"Sessions of the last {minutes} minutes" in timeline.draw([row_of(session)], NOON)["lanes"]


def listed(shop: Workspace, **query: str) -> dict[str, Any]:
    return views.workers(page_request(shop, **query))


@pytest.fixture
def mixed(shop: Workspace) -> Workspace:
    """#1 at work and waiting, #2 at work in verification; #3 failed now, #4 passed two hours ago; another workspace has the same."""
    for where in (shop, a_workspace(name="Other", max_workers=9)):
        first, second, third, fourth = (a_session(an_entry(where)) for _ in range(4))
        set_(first, waiting_for="429")
        set_(second, phase="verification")
        ended(third)
        ended(fourth, outcome="passed")
        set_(fourth, ended_at=datetime.now(UTC) - timedelta(hours=2))
    return shop


def test_the_list_counts_and_links_what_it_shows(mixed: Workspace) -> None:
    seen = listed(mixed, q="do", session="sess_x")
    assert (sorted(row.entry.seq for row in seen["rows"]), seen["older"], seen["filtered"]) == ([1, 2, 3], 1, True)
    assert seen["chips"] == [
        ("All", "q=do", True, 3), ("Running", "q=do&state=running", False, 2), ("Waiting for provider", "q=do&state=waiting", False, 1)
    ]  # fmt: skip
    seen = listed(mixed, state="stopping", phase="verification", sort="-cost")
    assert ([row.entry.seq for row in seen["rows"]], seen["query"]) == ([], "state=stopping&phase=verification&sort=-cost")
    assert [(word, chosen, number) for word, _, chosen, number in seen["chips"]] == [
        ("All", False, 1), ("Running", False, 1), ("Stopping", True, 0)]  # fmt: skip
    assert seen["with_ended"] == "ended=1" and seen["as_table"] == seen["query"]
    for view in ("grid", "timeline"):
        assert seen[f"as_{view}"] == f"state=stopping&phase=verification&view={view}"
    assert seen["kept"] == [("state", "stopping"), ("sort", "-cost")]
    for query, filtered in (({}, False), ({"sort": "cost"}, False), ({"phase": "merging"}, True), ({"state": "quiet"}, True)):
        assert listed(mixed, **query)["filtered"] is filtered


def test_what_ended_is_listed_by_outcome_and_leads_back(mixed: Workspace) -> None:
    seen = listed(mixed, ended="1", state="passed", view="grid", q="#4")
    assert [row.entry.seq for row in seen["rows"]] == [4] and "tiles" not in seen
    assert seen["without_ended"] == "view=grid&q=%234"
    for view in ("grid", "timeline"):
        assert sorted(seen[f"as_{view}"].split("&")) == ["q=%234", "state=passed", f"view={view}"]
    assert seen["kept"] == [("state", "passed"), ("ended", "1"), ("view", "grid")]
    assert [word for word, _, chosen, _ in seen["chips"] if chosen] == ["Passed"]
    entry = Session.objects.get(workspace=mixed, entry__seq=3).entry_id
    assert [row.entry.seq for row in listed(mixed, ended="1", q=entry)["rows"]] == [3]


def test_older_ones_are_counted_to_a_bound(mixed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    set_(Session.objects.get(workspace=mixed, entry__seq=3), ended_at=datetime.now(UTC) - timedelta(hours=3))
    for most, counted in ((2, 2), (1, 2), (0, 1)):
        monkeypatch.setattr(views, "MAX_COUNTED", most)
        assert listed(mixed)["older"] == counted


@pytest.mark.parametrize(
    ("sort", "heads"),
    [
        ("", {"elapsed": ("", "-elapsed"), "cost": ("", "-cost"), "output": ("", "output"), "entry": ("", "entry")}),
        ("-cost", {"cost": ("descending", "cost"), "entry": ("", "entry")}),
        ("cost", {"cost": ("ascending", "-cost")}),
        ("entry", {"entry": ("ascending", "-entry")}),
        ("-output", {"output": ("descending", "output")}),
    ],
)
def test_a_head_sorts_its_column_and_the_other_way_the_next_time(
    mixed: Workspace, sort: str, heads: dict[str, tuple[str, str]]
) -> None:
    seen = listed(mixed, sort=sort, q="do")["sorts"]
    assert {name: (seen[name]["now"], seen[name]["query"]) for name in heads} == {
        name: (current, f"q=do&sort={order}") for name, (current, order) in heads.items()
    }


def test_the_grid_has_the_quietest_first_unless_another_order_is_chosen(mixed: Workspace) -> None:
    at = datetime.now(UTC)
    for seq, minutes, drawn in ((1, 1, 900_000), (2, 9, 10)):
        session = Session.objects.get(workspace=mixed, entry__seq=seq)
        set_(
            session,
            last_output_at=at - timedelta(minutes=minutes),
            claimed_at=at - timedelta(hours=1),
            started_at=at - timedelta(minutes=30),
        )
        Hold.objects.filter(pk=session.hold_id).update(drawn=drawn)
    for sort, order in (("", [2, 1]), ("-burn", [1, 2]), ("entry", [1, 2])):
        seen = listed(mixed, view="grid", **({"sort": sort} if sort else {}))
        assert [tile.row.entry.seq for tile in seen["tiles"]] == order, sort
        assert [chosen for _, _, chosen in seen["orders"]] == [name == sort for name in fleet.SORTS]


def csv_of(client: Client, shop: Workspace, **query: str) -> list[list[str]]:
    response = client.get(f"/w/{shop.pk}/sessions/", query | {"format": "csv"})
    return [line.split(",") for line in b"".join(response.streaming_content).decode().splitlines()]  # type: ignore[attr-defined]


def test_a_line_of_the_csv_has_what_its_head_names(ana: Client, mixed: Workspace) -> None:
    session = Session.objects.get(workspace=mixed, entry__seq=1)
    times = {name: NOON + timedelta(minutes=n) for n, name in enumerate(("claimed_at", "started_at", "last_output_at"))}
    set_(session, **times, host="build-1")
    Hold.objects.filter(pk=session.hold_id).update(drawn=300_000)
    Account.objects.filter(pk=session.entry_id).update(spent=700_000)
    head, *lines = csv_of(ana, mixed, state="waiting")
    assert len(lines) == 1
    line = dict(zip(head, lines[0], strict=True))
    assert {name: line[name] for name in head if name not in ("worker", "entry_id")} == {
        "session_id": session.pk, "state": "running", "number": "1", "title": "Do it", "phase": "implementation", "round": "1",
        "attempt": "1", "round_usd": "0.3", "entry_usd": "0.7", "ended_at": "", "host": "build-1", "waiting_for": "429", "message": "",
        **{name: at.isoformat() for name, at in times.items()},
    }  # fmt: skip
    set_(session, hold=None, round_number=0)
    line = dict(zip(head, csv_of(ana, mixed, state="waiting")[1], strict=True))
    assert (line["round_usd"], line["round"]) == ("", "")


def test_the_csv_of_what_ended_is_in_the_order_of_its_list(ana: Client, mixed: Workspace) -> None:
    number = csv_of(ana, mixed)[0].index("number")
    shown = [row.entry.seq for row in listed(mixed, ended="1")["rows"]]
    assert [int(line[number]) for line in csv_of(ana, mixed, ended="1")[1:]] == shown == [4, 3]
    assert [int(line[number]) for line in csv_of(ana, mixed, phase="verification")[1:]] == [2]
