"""A session as a row, a tile and a line: its silence, steps, urgency, what it burns, and the place that it has in a list."""

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from budget.models import Account, Hold
from dashboard.sessions import fleet, history, views
from dashboard.sessions.rows import build_row, steps_of, urgency
from orchestration import configuration
from orchestration.models import Entry, Session, Worker
from tests.dashboard.page_requests import page_request
from tests.factories import a_workspace, an_entry
from workspaces.models import Workspace

NOW = datetime(2026, 8, 4, 12, tzinfo=UTC)
CONFIG = configuration.load({})
REVIEWED = configuration.load({"interceptor": {"agent": {"command": "true"}}})


def a_session(**more: Any) -> Session:
    """Claimed ten minutes ago, never saved."""
    entry = Entry(id="entry_1", seq=7, content="Sort invoices\n\nby date", account=Account(id="entry_1", spent=9))
    fields = {
        "id": "sess_1",
        "status": "running",
        "phase": "implementation",
        "claimed_at": NOW - timedelta(minutes=10),
        "anomaly": "",
    }
    return Session(**fields | {"entry": entry} | more)


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


@pytest.mark.parametrize(
    ("fields", "quiet"),
    [
        ({"last_output_at": ago(minutes=5)}, ""),
        ({"last_output_at": ago(minutes=5, seconds=1)}, "quiet"),
        ({"last_output_at": ago(minutes=10)}, "quiet"),
        ({"last_output_at": ago(minutes=10, seconds=1)}, "alarming"),
        ({"started_at": ago(minutes=1)}, ""),
        ({}, "quiet"),
        ({"status": "ended", "outcome": "failed", "last_output_at": ago(hours=9)}, ""),
    ],
)
def test_silence_counts_from_the_last_output_or_the_start_while_it_is_at_work(fields: dict[str, Any], quiet: str) -> None:
    assert build_row(a_session(**fields), CONFIG, NOW).quiet == quiet


@pytest.mark.parametrize(("seconds", "late"), [(0.4, False), (0.6, True)])
def test_a_row_is_late_when_its_worker_was_not_seen_for_half_a_lease(settings: Any, seconds: float, late: bool) -> None:
    worker = Worker(seen_at=NOW - timedelta(seconds=seconds * settings.LEASE_S))
    assert build_row(a_session(worker=worker), CONFIG, NOW).late is late
    assert not build_row(a_session(worker=worker, status="ended", outcome="failed"), CONFIG, NOW).late
    assert not build_row(a_session(), CONFIG, NOW).late


@pytest.mark.parametrize(
    ("fields", "config", "steps", "step"),
    [
        ({}, CONFIG, "set up:done implement:now verify: merge:", 2),
        ({}, REVIEWED, "set up:done implement:now review: verify: merge:", 2),
        ({"phase": "interception"}, CONFIG, "set up:done implement:done review:now verify: merge:", 3),
        ({"work": "verify", "phase": "verification"}, REVIEWED, "set up:done verify:now merge:", 2),
        ({"phase": "verification", "status": "ended", "outcome": "passed"}, CONFIG, "set up:done implement:done verify:done merge:done", 3),
        ({"phase": "verification", "status": "ended", "outcome": "failed"}, CONFIG, "set up:done implement:done verify:now merge:", 3),
    ],
)  # fmt: skip
def test_its_steps_are_those_that_it_takes(fields: dict[str, Any], config: Any, steps: str, step: int) -> None:
    shown, at = steps_of(a_session(**fields), config)
    assert (" ".join(f"{word}:{state}" for word, state in shown), at) == (steps, step)


@pytest.mark.parametrize(
    ("fields", "flags", "need"),
    [
        ({}, {"over": True, "quiet": "alarming"}, 20),
        ({"stop_wanted_at": ago(seconds=31)}, {"quiet": "alarming"}, 0),
        ({"stop_wanted_at": ago(seconds=30)}, {}, 9),
        ({}, {"quiet": "alarming", "late": True}, 1),
        ({"waiting_for": "rate limit"}, {"late": True}, 2),
        ({"waiting_for": "rate limit", "anomaly": "fast"}, {}, 3),
        ({"anomaly": "fast"}, {"quiet": "quiet"}, 4),
        ({"unpriced_model": "x"}, {}, 4),
        ({}, {"quiet": "quiet"}, 5),
        ({}, {}, 9),
    ],
)
def test_the_most_urgent_reason_decides(fields: dict[str, Any], flags: dict[str, Any], need: int) -> None:
    assert urgency(a_session(**fields), NOW, **{"over": False, "quiet": "", "late": False} | flags) == need


@pytest.mark.parametrize(("silent", "tone"), [(60, ""), (61, "warn"), (180, "warn"), (181, "bad")])
def test_a_tile_warns_after_a_minute_and_is_bad_after_three(silent: int, tone: str) -> None:
    [tile] = fleet.tiles([build_row(a_session(last_output_at=ago(seconds=silent)), CONFIG, NOW)], NOW)
    assert tile.tone == tone


@pytest.mark.parametrize(("hold", "share"), [(None, 0), ((0, 5), 0), ((200, 51), 26), ((100, 100), 100), ((100, 250), 100)])
def test_a_tile_shows_the_share_of_its_reservation_that_is_spent(hold: tuple[int, int] | None, share: int) -> None:
    reserved = Hold(amount=hold[0], drawn=hold[1]) if hold else None
    [tile] = fleet.tiles([build_row(a_session(hold=reserved), CONFIG, NOW)], NOW)
    assert tile.share == share


def test_what_a_session_burns_is_by_the_minute_since_its_start_and_ended_ones_have_no_tile() -> None:
    spent = {"hold": Hold(amount=900, drawn=600)}
    rows = [build_row(a_session(**spent | more), CONFIG, NOW) for more in (
        {"started_at": ago(minutes=2)}, {"started_at": ago(seconds=1)}, {}, {"hold": None},
        {"status": "ended", "outcome": "failed"})]  # fmt: skip
    assert [tile.burn for tile in fleet.tiles(rows, NOW)] == [300, 3600, 60, 0]


# Lists


def chosen(**more: str) -> dict[str, str]:
    return {"state": "", "phase": "", "q": "", "sort": ""} | more


ROW = build_row(a_session(waiting_for="rate limit"), CONFIG, NOW)
OVER = build_row(a_session(status="ended", outcome="failed", waiting_for="rate limit"), CONFIG, NOW)


@pytest.mark.parametrize(
    ("filters", "fits", "over_fits"),
    [
        ({"state": "quiet"}, True, False),
        ({"q": "INVOICES "}, True, True),
        ({"q": "#7"}, True, True),
        ({"q": "7"}, True, True),
        ({"q": "70"}, False, False),
        ({"q": "sess_1"}, True, True),
        ({"q": "entry_"}, True, True),
        ({"q": "ntry_1"}, False, False),
    ],
)
def test_a_filter_fits_a_row(filters: dict[str, str], fits: bool, over_fits: bool) -> None:
    assert (views._fits(ROW, chosen(**filters)), views._fits(OVER, chosen(**filters))) == (fits, over_fits)


# From the database


@pytest.fixture
def shop(db: None) -> Workspace:
    ended(a_workspace(name="Other"), 1)
    return a_workspace()


def ended(shop: Workspace, minutes: float, *, content: str = "Do it", outcome: str = "failed") -> Session:
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    session = Session.objects.create(
        id=f"sess_{Session.objects.count():020}", workspace=shop, entry=an_entry(shop, content=content), attempt=1,
        status="ended", outcome=outcome, ended_at=at, phase="verification",
    )  # fmt: skip
    Session.objects.filter(pk=session.pk).update(claimed_at=at)
    session.refresh_from_db()
    return session


@pytest.fixture
def hour(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two sessions at work, five that ended within the hour and one before it. A page has room for four."""
    monkeypatch.setattr(views, "PAGE_SIZE", 4)
    other = Workspace.objects.get(name="Other")
    for workspace, name, minutes, waiting_for in ((shop, "work", 1, "429"), (shop, "work-sort", 9, ""), (other, "theirs", 1, "")):
        entry, at = an_entry(workspace, content=name), datetime.now(UTC) - timedelta(minutes=minutes)
        fields = {"attempt": 1, "status": "running", "phase": "implementation", "claimed_at": at, "waiting_for": waiting_for}
        Session.objects.bulk_create([Session(workspace=workspace, entry=entry, **fields)])
    ended_at = {"failed-sort": 2, "passed": 3, "failed": 4, "passed-sort": 5, "passed-late": 6, "passed-old": 61}
    for name, minutes in ended_at.items():
        ended(shop, minutes, content=name, outcome=name.split("-")[0])
    return shop


ALL = {"All": 6, "Running": 2, "Quiet": 1, "Waiting for provider": 1}
SORT = {"All": 3, "Running": 1, "Quiet": 1}


@pytest.mark.parametrize(
    ("query", "shown", "counts"),
    [
        ({}, "work work-sort failed-sort passed", ALL),
        ({"sort": "-entry"}, "passed failed-sort work-sort work", ALL),
        ({"state": "passed"}, "passed passed-sort", ALL),
        ({"state": "failed"}, "failed-sort failed", ALL),
        ({"state": "waiting"}, "work", ALL),
        ({"state": "stopping"}, "", ALL | {"Stopping": 0}),
        ({"q": "sort"}, "work-sort failed-sort passed-sort", SORT),
        ({"q": "sort", "state": "passed"}, "passed-sort", SORT),
        ({"phase": "implementation"}, "work work-sort", ALL | {"All": 2}),
        ({"phase": "verification"}, "", {"All": 0}),
        ({"view": "grid"}, "work-sort work", ALL),
        ({"view": "grid", "state": "passed"}, "", ALL),
        ({"view": "timeline", "state": "passed"}, "passed passed-sort", ALL),
        ({"ended": "1", "state": "passed"}, "passed passed-sort passed-late passed-old", None),
    ],
)
def test_a_page_is_cut_from_what_fits_a_filter_and_the_chips_count_all_that_fits(
    hour: Workspace, query: dict[str, str], shown: str, counts: dict[str, int] | None
) -> None:
    seen = views.workers(page_request(hour, **query))
    assert " ".join(row.entry.content for row in seen["rows"]) == shown
    assert counts in (None, {word: number for word, _, _, number in seen["chips"]})
    assert (seen["older"], seen["filtered"]) == (1, not query.keys().isdisjoint({"state", "phase", "q"}))


@pytest.mark.parametrize(
    ("query", "name", "shown"),
    [
        ({}, "workers", "work work-sort failed-sort passed failed passed-sort"),
        ({"state": "passed", "sort": "entry"}, "workers-passed", "passed passed-sort"),
        ({"state": "passed", "ended": "1"}, "workers-ended-passed", "passed passed-sort passed-late passed-old"),
        ({"phase": "implementation"}, "workers-implementation", "work work-sort"),
    ],
)
def test_the_file_of_the_list_has_all_that_fits_its_filter(hour: Workspace, query: dict[str, str], name: str, shown: str) -> None:
    file = views._csv(page_request(hour, **query))
    lines = list(csv.DictReader(b"".join(file.streaming_content).decode().splitlines()))  # type: ignore[attr-defined]
    assert " ".join(line["title"] for line in lines) == shown and file.headers["Content-Disposition"].startswith(
        f'attachment; filename="{name}-2'
    )


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({}, [0, 1, 2]), ({"state": "passed"}, [1]), ({"phase": "verification"}, [0, 1, 2]), ({"phase": "merging"}, []),
        ({"q": "sort"}, [2]), ({"q": "#1"}, [0]), ({"q": "2"}, [1]), ({"q": "nothing"}, []),
    ],
)  # fmt: skip
def test_what_ended_is_found_by_its_outcome_phase_words_and_number(
    shop: Workspace, filters: dict[str, str], matches: list[int]
) -> None:
    created = [ended(shop, 90), ended(shop, 80, outcome="passed"), ended(shop, 70, content="Sort invoices")]
    rows = views._ended(page_request(shop), chosen(**filters)).order_by("claimed_at")
    assert [row.pk for row in rows] == [created[n].pk for n in matches]


def test_pages_of_what_ended_go_forth_and_back_without_a_gap(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history.paging, "PAGE_SIZE", 2)
    created = [ended(shop, minutes).pk for minutes in (1, 2, 2, 4, 5)]
    Session.objects.filter(pk=created[2]).update(claimed_at=Session.objects.get(pk=created[1]).claimed_at)
    line = list(Session.objects.filter(workspace=shop).order_by("-claimed_at", "-id").values_list("pk", flat=True))

    def page(**query: str) -> tuple[list[str], str, str]:
        seen = history.paginate(Session.objects.filter(workspace=shop), page_request(shop, **query))
        return [row.pk for row in seen.rows], seen.after, seen.before

    first, after, before = page()
    assert (first, before) == (line[:2], "") and after
    second, after_second, back = page(after=after)
    assert second == line[2:4] and back and page(before=back)[0] == line[:2] and page(before=back)[2] == ""
    third, end, back = page(after=after_second)
    assert (third, end) == (line[4:], "") and page(before=back)[0] == line[2:4] and page(before=back)[1:] != ("", "")
    for forged in ("x", "1.x", f"{'9' * 18}.{line[0]}", f"²₂.{line[0]}"):
        assert page(after=forged)[0] == line[:2]
