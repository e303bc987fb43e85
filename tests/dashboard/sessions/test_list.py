"""The list of sessions, and the page of one."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils.timezone import now

from dashboard.shared.charts import phasebar, swimlanes
from orchestration import sessions
from orchestration.executor import control
from orchestration.models import Entry, Session, Worker
from orchestration.sessions import metering
from orchestration.sessions.tracing import phase_history
from tests.dashboard.overview.test_page import statements, text_of
from tests.dashboard.seeds import entries as seed
from workspaces.models import Event, Workspace


@pytest.fixture
def at_work(workspace: Workspace) -> list[Session]:
    return list(Session.objects.filter(workspace=workspace, status="running").order_by("entry__seq"))


def set_(session: Session, **fields: object) -> None:
    Session.objects.filter(pk=session.pk).update(**fields)


def order(client: Client, workspace: Workspace, **query: str) -> list[str]:
    return [row.session.pk for row in client.get(f"/w/{workspace.pk}/sessions/", query).context["rows"]]


def many(workspace: Workspace, number: int, *, hours: int = 3) -> None:
    """Sessions that ended, some in the same second."""
    entry = Entry.objects.filter(workspace=workspace).order_by("seq")[0]
    began = now() - timedelta(hours=hours)
    Session.objects.bulk_create(
        Session(
            workspace=workspace,
            entry=entry,
            attempt=1000 + n,
            status="ended",
            outcome="failed" if n % 2 else "passed",
            outcome_message="over",
            claimed_at=began - timedelta(seconds=n // 3),
            ended_at=began,
        )
        for n in range(number)
    )


def test_each_session_is_a_row_with_its_facts(ana: Client, workspace: Workspace, at_work: list[Session]) -> None:
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/")
    for fact in (
        "Running",
        f"Session {at_work[0].pk}, step 2 of 4",
        "Implementing, round 1",
        "$0.74",
        "reading the failing tests",
        "Hold after this round",
    ):
        assert fact in seen, fact


def test_a_silent_session_is_quiet_with_icon_and_word(ana: Client, workspace: Workspace, at_work: list[Session]) -> None:
    set_(at_work[0], last_output_at=now() - timedelta(minutes=6))
    set_(at_work[1], last_output_at=now() - timedelta(minutes=11))
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/", fragment="workers")
    for tone in ("warn", "bad"):
        assert f'<span class="tone {tone}"><svg class="icon"' in seen
    assert seen.count("</svg>quiet ") == 2


def test_urgent_sessions_come_first_then_the_longest_running(ana: Client, workspace: Workspace, at_work: list[Session]) -> None:
    old, waiting, silent = at_work
    set_(old, claimed_at=now() - timedelta(hours=5))
    set_(waiting, waiting_for="429")
    set_(silent, last_output_at=now() - timedelta(minutes=11))
    assert order(ana, workspace)[:3] == [silent.pk, waiting.pk, old.pk]
    assert order(ana, workspace, sort="-elapsed")[0] == old.pk


def test_a_session_stays_for_an_hour_after_its_end(ana: Client, workspace: Workspace) -> None:
    assert len(order(ana, workspace)) == 7
    Session.objects.filter(workspace=workspace, status="ended").update(ended_at=now() - timedelta(minutes=61))
    assert len(order(ana, workspace)) == 3
    assert "Show ended (4 older)" in text_of(ana, f"/w/{workspace.pk}/sessions/")


def test_filters_narrow_and_odd_ones_are_named(ana: Client, workspace: Workspace, at_work: list[Session]) -> None:
    set_(at_work[0], waiting_for="429")
    assert order(ana, workspace, state="waiting") == [at_work[0].pk]
    assert order(ana, workspace, q=f"#{at_work[1].entry.seq}") == [at_work[1].pk]
    assert order(ana, workspace, phase="implementation") and not order(ana, workspace, phase="merging")
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/", state="dancing", tempo="9", q="a\x00b")
    assert "Ignored in the address: state, tempo" in seen and "Clear filters" in seen


def test_all_that_ended_comes_in_pages_and_none_is_lost(ana: Client, workspace: Workspace) -> None:
    many(workspace, 120)
    seen: list[str] = []
    after = ""
    while True:
        page = ana.get(f"/w/{workspace.pk}/sessions/", {"ended": "1", "after": after})
        seen += [row.session.pk for row in page.context["rows"]]
        after = page.context["cut"].after
        if not after:
            break
    assert len(seen) == len(set(seen)) == 124
    assert {row.status for row in ana.get(f"/w/{workspace.pk}/sessions/", {"ended": "1", "state": "passed"}).context["rows"]} == {
        "passed"
    }


@pytest.mark.parametrize(
    "cursor", ["x", "1.2", "9" * 30 + ".sess_aaaaaaaaaaaaaaaaaaaa", "99999999999999999.sess_aaaaaaaaaaaaaaaaaaaa", "%00"]
)
def test_a_forged_cursor_does_no_harm(ana: Client, workspace: Workspace, cursor: str) -> None:
    for name in ("after", "before"):
        assert ana.get(f"/w/{workspace.pk}/sessions/", {"ended": "1", name: cursor}).status_code == 200


@pytest.mark.parametrize("query", [{}, {"fragment": "workers"}, {"ended": "1"}, {"view": "timeline"}, {"view": "grid"}])
def test_few_sessions_and_many_take_the_same_queries(ana: Client, workspace: Workspace, query: dict[str, str]) -> None:
    address = f"/w/{workspace.pk}/sessions/"
    few = statements(ana, address, **query)
    many(workspace, 500, hours=0)
    assert statements(ana, address, **query) == few <= 12
    assert len(order(ana, workspace, **query)) <= 50


def test_a_page_of_fifty_is_not_heavy(ana: Client, workspace: Workspace) -> None:
    many(workspace, 100, hours=0)
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/")
    assert len(ana.get(f"/w/{workspace.pk}/sessions/").context["rows"]) == 50
    assert len(re.findall(r"<[a-z]", seen)) <= 1500


def test_the_last_lines_are_fetched_when_a_row_is_opened(ana: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(log__isnull=False).get()
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/", fragment="peek", session=session.pk)
    assert seen.count('class="line') == 8 and f"/sessions/{session.pk}/log/?at=40#L40" in seen and "<img" not in seen
    assert ana.get(f"/w/{workspace.pk}/sessions/", {"fragment": "peek", "session": "\x00"}).status_code == 404
    payload = ana.get(f"/w/{workspace.pk}/sessions/", {"live": f"lines-{session.pk}", "build": settings.BUILD}).json()
    assert f'id="lines-{session.pk}"' in payload["regions"][f"lines-{session.pk}"]["html"]


def test_an_empty_list_explains_why_and_what_to_do(ana: Client, vera: Client, workspace: Workspace) -> None:
    Session.objects.filter(workspace=workspace, status="ended").update(ended_at=now() - timedelta(hours=2))
    for session in Session.objects.filter(workspace=workspace, status="running"):
        sessions.conclude(session, sessions.Ending(Session.Outcome.STOPPED))
    Session.objects.filter(workspace=workspace).update(ended_at=now() - timedelta(hours=2))
    control.pause(workspace.pk, by=seed.ANA)
    address = f"/w/{workspace.pk}/sessions/"
    seen = text_of(ana, address)
    assert "No workers running because dispatch is paused (ana, " in seen and "Resume dispatch" in seen
    assert "Resume dispatch" not in text_of(vera, address)
    assert "has not been started" in text_of(ana, f"/w/{seed.empty('New').pk}/sessions/")


def test_unavailable_actions_give_their_reason(ana: Client, vera: Client, workspace: Workspace, at_work: list[Session]) -> None:
    sessions.stop(workspace.pk, at_work[0].pk, by=seed.ANA)
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/")
    assert "Hold after this round: it is being stopped" in seen and "Stop worker: requested by ana" in seen
    assert "Hold after this round, Stop worker: the session has ended" in seen
    assert '<form method="post" action="/w/' not in text_of(vera, f"/w/{workspace.pk}/sessions/")


def test_holding_after_the_round_is_a_form_and_can_be_taken_back(
    otto: Client, vera: Client, workspace: Workspace, at_work: list[Session]
) -> None:
    session = at_work[0]
    address = f"/w/{workspace.pk}/sessions/{session.pk}/hold/"
    assert vera.post(address).status_code == 403
    assert otto.post(address, {"next": f"/w/{workspace.pk}/sessions/"}).status_code == 303
    seen = text_of(otto, f"/w/{workspace.pk}/sessions/")
    assert (
        "will be on hold after this round" in seen
        and "on hold after this round, requested by otto" in seen
        and "Do not hold after this round" in seen
    )
    assert "requested to hold" in text_of(otto, f"/w/{workspace.pk}/sessions/{session.pk}/", tab="events")
    otto.post(address, {"hold": "0"})
    assert not Session.objects.get(pk=session.pk).hold_after_by
    assert Event.objects.filter(object_id=session.pk, verb__startswith="session.hold_after").count() == 2
    sessions.conclude(session, sessions.Ending(Session.Outcome.INTERRUPTED))
    assert otto.post(address, headers={"HX-Request": "true"}).status_code == 409


def test_the_list_as_csv_has_the_filters_rows(ana: Client, workspace: Workspace) -> None:
    many(workspace, 60)
    address = f"/w/{workspace.pk}/sessions/"
    for query, number in (({}, 7), ({"ended": "1"}, 64), ({"state": "running"}, 3)):
        lines = b"".join(ana.get(address, {**query, "format": "csv"}).streaming_content).decode().splitlines()  # type: ignore[attr-defined]
        assert len(lines) == number + 1, query


def test_the_timeline_draws_a_lane_for_each_row_and_the_table_stays(ana: Client, workspace: Workspace) -> None:
    for session in Session.objects.filter(workspace=workspace):  # a while ago: what just began is no wider than a hair
        phases = [[phase, (now() - timedelta(minutes=9 - n)).isoformat()] for n, (phase, _) in enumerate(session.phases)]
        set_(session, phases=phases, claimed_at=now() - timedelta(minutes=10))
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/", view="timeline")
    assert '<svg role="img" class="chart lanes"' in seen and seen.count('class="lane-name"') == 7 and "<table" in seen
    assert 'class="cross"' in seen and "phase open" in seen


def test_the_grid_has_a_tile_for_each_session_at_work_the_quietest_first(ana: Client, workspace: Workspace) -> None:
    at_work = list(Session.objects.filter(workspace=workspace, status__in=Session.OPEN).order_by("pk"))
    for minutes, session in enumerate(at_work):
        set_(session, last_output_at=now() - timedelta(minutes=2 * minutes), claimed_at=now() - timedelta(hours=1))
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/", view="grid")
    tiles = re.findall(r'<li id="tile-(\w+)" class="tile (\w*)"', seen)
    expected = [(session.pk, "" if n == 0 else "warn" if n == 1 else "bad") for n, session in enumerate(at_work)]
    assert tiles == expected[::-1] and "<table" not in seen


def test_the_grid_shows_the_last_lines_of_a_chosen_session(ana: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(workspace=workspace, status="running").first()
    assert session
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/", view="grid", session=session.pk)
    assert f'id="lines-{session.pk}" data-live' in seen and 'id="last-lines"' in seen
    assert 'id="last-lines"' not in text_of(ana, f"/w/{workspace.pk}/sessions/", view="grid", session="sess_unknown")


def test_a_lane_shows_waits_dashed_failures_crossed_and_no_right_edge_while_it_runs() -> None:
    at = now()
    spans = [
        swimlanes.Bar("implementation", at - timedelta(hours=3), at - timedelta(minutes=20)),
        swimlanes.Bar("waiting", at - timedelta(minutes=20), None),
    ]
    running = swimlanes.draw([swimlanes.Lane("#1", spans, running=True)], at, timedelta(hours=1))
    assert (
        'class="phase waits open"' in running
        and ">IM</text>" in running
        and ">WA</text>" in running
        and 'class="cross"' not in running
    )
    assert 'class="cross"' in swimlanes.draw([swimlanes.Lane("<#1>", spans, failed=True)], at, timedelta(hours=1))
    assert "0 sessions" in swimlanes.draw([], at, timedelta(hours=1))


def test_time_by_phase_adds_up() -> None:
    at = now()
    history = phase_history.entered(
        phase_history.started("starting", at - timedelta(minutes=9)), "implementation", at - timedelta(minutes=8)
    )
    bars = [swimlanes.Bar(span.phase, span.start, span.end) for span in phase_history.spans(history, None)]
    totals = dict(phasebar.totals(bars, at))
    assert [round(took.total_seconds()) for took in totals.values()] == [60, 480]
    assert "url(#phase-implementation)" in phasebar.draw(bars, at)


def test_the_page_of_a_session_has_facts_phases_and_locks(ana: Client, workspace: Workspace, at_work: list[Session]) -> None:
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/{at_work[0].pk}/")
    for fact in (
        "step 2 of 4",
        "build-1",
        "worker process 4711",
        "muster/",
        "app/forms.py",
        "Time by phase",
        "of its reservation",
        "priced-model",
    ):
        assert fact in seen, fact
    assert "■ Final" not in seen and seen.count("data-live") == 6


def test_after_its_end_everything_is_final_and_nothing_is_live_but_the_strip(ana: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(workspace=workspace, status="ended").first()
    assert session is not None
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/{session.pk}/")
    assert seen.count("data-final") == 2 and seen.count("data-live") == 4
    assert seen.count("■ Final: as of") == 2 and "run ended" in seen and "</svg>quiet" not in seen
    assert "Left for the entry now" in seen  # it is not of then
    Session.objects.filter(pk=session.pk).update(phases=[])
    seen = text_of(ana, f"/w/{workspace.pk}/sessions/{session.pk}/")
    assert "The session ended before its first phase" in seen and "No worker process has started it" not in seen


def test_old_addresses_lead_to_the_new_ones(ana: Client, otto: Client, workspace: Workspace, at_work: list[Session]) -> None:
    base, session_id = f"/w/{workspace.pk}", at_work[0].pk
    response = ana.get(f"{base}/workers/{session_id}/?after=3")
    assert (response.status_code, response.headers["Location"]) == (301, f"{base}/sessions/{session_id}/?after=3")
    response = otto.post(f"{base}/workers/{session_id}/stop/", {"confirm": "stop"})
    assert (response.status_code, response.headers["Location"]) == (308, f"{base}/sessions/{session_id}/stop/")
    assert ana.get(f"{base}/sessions/{session_id}/?tab=log").headers["Location"] == f"{base}/sessions/{session_id}/log/"


def test_pages_of_a_session_take_few_queries(ana: Client, workspace: Workspace, at_work: list[Session]) -> None:
    base = f"/w/{workspace.pk}/sessions/{at_work[0].pk}/"
    for tail, most in (("", 12), ("?tab=events", 12), ("log/", 12)):
        path, _, query = f"{base}{tail}".partition("?")
        assert statements(ana, path, **dict([query.split("=")] if query else [])) <= most, tail


def test_a_process_that_is_silent_is_late(ana: Client, workspace: Workspace) -> None:
    Worker.objects.update(seen_at=now() - timedelta(minutes=3))
    assert text_of(ana, f"/w/{workspace.pk}/sessions/").count("its host is not heard of: <time") == 3


@pytest.mark.parametrize(
    "query", [{"view": "grid"}, {"view": "grid", "sort": "entry"}, {"view": "timeline"}, {"sort": "-cost"}, {"sort": "elapsed"}]
)
def test_no_view_and_no_order_hides_sessions_at_work_behind_ended_ones(
    ana: Client, workspace: Workspace, at_work: list[Session], query: dict[str, str]
) -> None:
    many(workspace, 60, hours=0)
    Session.objects.filter(outcome_message="over").update(ended_at=now() - timedelta(minutes=1))
    seen = ana.get(f"/w/{workspace.pk}/sessions/", query).context
    assert {session.pk for session in at_work} <= {row.session.pk for row in seen["rows"]}
    if query.get("view") == "grid":
        assert len(seen["tiles"]) == len(at_work)


def test_all_sessions_at_work_are_shown_however_many(ana: Client, workspace: Workspace) -> None:
    seed.plenty(workspace, 70)
    waiting = Entry.objects.filter(workspace=workspace, status="pending", content__contains="of many")
    rows = [Session(workspace=workspace, entry=entry, attempt=1, status="running", claimed_at=now()) for entry in waiting]
    Session.objects.bulk_create(rows)
    assert len(rows) > 50
    assert len(ana.get(f"/w/{workspace.pk}/sessions/", {"view": "grid"}).context["tiles"]) == 3 + len(rows)


def test_spend_far_beyond_a_reservation_is_a_question_for_who_may_change_budgets(
    vera: Client, bea: Client, workspace: Workspace, at_work: list[Session]
) -> None:
    session = at_work[0]
    for number in range(400):
        metering.record(session, metering.Usage(f"burst-{number}", cost=50_000))
    sessions.conclude(session, sessions.Ending(Session.Outcome.OUT_OF_MONEY, "used up"))
    page = f"/w/{workspace.pk}/sessions/{session.pk}/"
    question = "nothing more starts with this agent"
    assert question in text_of(vera, page) and "Reject spend" not in text_of(vera, page)
    assert "Confirm spend" in text_of(bea, page)
    assert vera.post(f"{page}spend/", {"is_true": "0"}).status_code == 403
    assert bea.post(f"{page}spend/", {"is_true": "0"}).status_code == 303
    assert question not in text_of(bea, page) and "rejected the spend that the agent reported" in text_of(bea, page)
