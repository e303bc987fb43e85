"""Work that one host alone has: its entry waits for that host while it may come back, and then begins again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Case, When
from django.db.models.functions import Now
from django.utils.timezone import now

from orchestration.backlog import lost_work
from orchestration.executor import explain, reconcile
from orchestration.landing import queue
from orchestration.models import Conversation, Entry, IntegrationCommit, Landing, Round, Session, Worker
from tests.factories import ANA, CLOSED, a_session, a_worker, a_workspace, an_entry, ended
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(settings: Any) -> Workspace:
    """A workspace by URL: `build-1` has worked for it, `build-2` is online, and a control worker has watched for long."""
    settings.LOST_HOST_S = 3600.0
    workspace = a_workspace()
    workspace.origin, workspace.host_id = "https://git.example.com/shop.git", "home"
    workspace.save()
    a_host("host_2", "build-2")
    control = a_worker(queue="control")
    Worker.objects.filter(pk=control.pk).update(started_at=now() - timedelta(days=1))
    return workspace


def a_host(host_id: str, name: str) -> Worker:
    worker = a_worker()
    Worker.objects.filter(pk=worker.pk).update(host_id=host_id, host=name)
    return worker


def only_there(workspace: Workspace, *, host_id: str = "host_1", away_s: float | None = 4000, **fields: Any) -> Entry:
    """An entry with a round of which only `build-1` has the commit; `away_s`: for how long ticks have missed that host."""
    entry = an_entry(workspace, budget="9")
    session = a_session(entry)
    Worker.objects.filter(host="here", queue="sessions").delete()
    Round.objects.filter(session=session).update(commit="a" * 40, agent_done=True)
    ended(session)
    Session.objects.filter(pk=session.pk).update(host="build-1", host_id=host_id if host_id != "build-1" else "")
    away_at = now() - timedelta(seconds=away_s) if away_s is not None else None
    Entry.objects.filter(pk=entry.pk).update(host_id=host_id, is_shared=False, next_work="verify", host_away_at=away_at, **fields)
    Conversation.objects.create(entry=entry, role="implement", kind="codex", thread_id="t")
    entry.refresh_from_db()
    return entry


def test_it_begins_again_from_what_was_shared_and_names_what_was_given_up(team: Workspace) -> None:
    entry, other = only_there(team), an_entry(team)
    Entry.objects.filter(pk=other.pk).update(next_work="verify", host_id="host_2")
    assert lost_work.begin_again_late() == 1
    entry.refresh_from_db()
    other.refresh_from_db()
    assert (entry.status, entry.next_work, entry.host_id, entry.is_shared) == (
        "pending",
        "implement",
        "",
        True,
    ) and entry.host_away_at is None
    assert (other.next_work, other.host_id) == ("verify", "host_2")
    [lost] = Round.objects.filter(entry=entry)
    sentence = (
        "work_lost: the work of this round was on build-1 alone, which did not come back: the files are as they were before it"
    )
    assert lost.given_up and lost.findings == ["a finding", sentence]
    event = Event.objects.get(verb="entry.work_given_up")
    assert (event.object_id, event.data["round"], event.data["host"]) == (entry.pk, 1, "build-1")
    assert not Conversation.objects.exists() and lost_work.begin_again_late() == 0


def test_a_host_without_a_name_is_called_a_host(team: Workspace) -> None:
    entry = only_there(team)
    Session.objects.filter(entry=entry).update(host="")
    assert lost_work.begin_again_late() == 1
    assert "was on a host alone" in Round.objects.get(entry=entry).findings[-1]
    assert Event.objects.get(verb="entry.work_given_up").data == {"round": 1, "host": "a host", "commit": "a" * 40}


def test_it_waits_with_the_name_of_its_host_before(team: Workspace) -> None:
    entry = only_there(team, away_s=3500)
    assert lost_work.begin_again_late() == 0
    [explained] = explain.explain(team.pk)[1]
    assert explained.entry.id == entry.pk and explained.why is not None
    assert explained.why.message.startswith("build-1, the host that has its newest work, is not online")


def test_the_time_counts_from_the_first_tick_that_misses_the_host(team: Workspace) -> None:
    entry = only_there(team, away_s=None)
    reconcile.run()
    entry.refresh_from_db()
    assert entry.host_away_at is not None and entry.host_id == "host_1"
    first_missed = entry.host_away_at
    Worker.objects.filter(pk=a_host("host_1", "build-1").pk).update(seen_at=now() - timedelta(hours=1))
    Worker.objects.filter(pk=a_host("host_1", "build-1").pk).update(queue="control")
    reconcile.run()
    entry.refresh_from_db()
    assert entry.host_away_at == first_missed, "the time goes on, and no other process of that host can do its work"
    a_host("host_1", "build-1")
    reconcile.run()
    entry.refresh_from_db()
    assert entry.host_away_at is None


def test_a_host_that_is_back_stops_the_time_of_its_own_work_alone_and_a_later_absence_counts_anew(team: Workspace) -> None:
    mine, others = only_there(team, away_s=3500), only_there(team, host_id="host_3", away_s=3500)
    back = a_host("host_1", "build-1")
    assert lost_work.begin_again_late() == 0
    mine.refresh_from_db()
    before = others.host_away_at
    others.refresh_from_db()
    assert mine.host_away_at is None and others.host_away_at == before
    back.delete()
    Entry.objects.filter(pk=others.pk).update(host_away_at=now() - timedelta(seconds=3700))
    assert lost_work.begin_again_late() == 1, "the other one alone has been away for so long"
    mine.refresh_from_db()
    assert mine.host_id == "host_1" and mine.host_away_at is not None and now() - mine.host_away_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    "where", [{"origin": "", "host_id": "home"}, {"host_id": "host_1"}, {"origin": "", "host_id": "host_2"}], ids=str
)
def test_work_is_given_up_wherever_the_repository_is_as_long_as_another_host_has_it(
    team: Workspace, where: dict[str, str]
) -> None:
    only_there(team)
    Workspace.objects.update(**where)
    assert lost_work.begin_again_late() == 1


def test_a_host_of_an_earlier_version_is_known_by_its_name(team: Workspace) -> None:
    only_there(team, host_id="build-1")
    worker = a_host("", "build-1")
    assert lost_work.begin_again_late() == 0
    worker.delete()
    Entry.objects.update(host_away_at=now() - timedelta(seconds=4000))
    assert lost_work.begin_again_late() == 1


@pytest.mark.parametrize(
    "not_yet",
    [
        lambda: Worker.objects.filter(host_id="host_2").delete(),
        lambda: Worker.objects.filter(host_id="host_2").update(seen_at=now() - timedelta(hours=1)),
        lambda: Worker.objects.filter(queue="control").update(started_at=now() - timedelta(seconds=3000)),
        lambda: Worker.objects.filter(queue="control").update(seen_at=now() - timedelta(hours=1)),
        lambda: Worker.objects.update(started_at=Case(When(queue="control", then=Now()), default=now() - timedelta(days=1))),
        lambda: Worker.objects.filter(host_id="host_2").update(slots=0),
        lambda: Worker.objects.filter(host_id="host_2").update(host_id=""),
        lambda: Worker.objects.filter(host_id="host_2").update(queue="control"),
        lambda: Entry.objects.update(is_shared=True),
        lambda: Workspace.objects.update(origin="", host_id="host_1"),
        lambda: Workspace.objects.update(host_id=""),
    ],
    ids=[
        "no other host",
        "the other is away too",
        "nobody watched",
        "who watched is away",
        "only a host is old",
        "the other takes nothing",
        "the other is of an earlier version",
        "the other runs no sessions",
        "it is shared",
        "it has the repository",
        "one disk",
    ],
)
def test_nothing_is_given_up_too_early(team: Workspace, not_yet: Any) -> None:
    only_there(team)
    not_yet()
    assert lost_work.begin_again_late() == 0 and not Round.objects.filter(given_up=True).exists()


def test_work_that_waited_to_land_leaves_the_queue(team: Workspace) -> None:
    entry = only_there(team, status="in_progress")
    queue.enqueue(entry, "a" * 40, round_=Round.objects.get())
    assert lost_work.begin_again_late() == 1
    entry.refresh_from_db()
    assert (entry.status, Landing.objects.get().state) == ("pending", Landing.State.WITHDRAWN)


def test_an_entry_at_work_goes_on(team: Workspace) -> None:
    entry = only_there(team, status="pending")
    Entry.objects.filter(pk=entry.pk).update(is_shared=True, next_work="implement")
    a_session(entry)
    Entry.objects.filter(pk=entry.pk).update(is_shared=False, host_id="host_1")
    assert lost_work.begin_again_late() == 0


def test_what_is_begun_again_was_no_work_where_its_agent_had_found_nothing_to_do(team: Workspace) -> None:
    entry = only_there(team)
    Round.objects.update(commit="0" * 40)
    assert lost_work.begin_again_late() == 1
    entry.refresh_from_db()
    assert entry.next_work == "implement" and not Round.objects.filter(given_up=True).exists()
    assert not Event.objects.filter(verb="entry.work_given_up").exists()


def test_each_workspace_begins_again_by_itself_and_one_that_lands_now_stops_no_other(team: Workspace) -> None:
    lands, other = only_there(team, status="in_progress"), a_workspace(name="Other")
    Workspace.objects.filter(pk=other.pk).update(origin="https://git.example.com/other.git", host_id="home")
    lost = only_there(other)
    landing = queue.enqueue(lands, "a" * 40, round_=Round.objects.get(entry=lands))
    intent = IntegrationCommit.objects.create(workspace=team, old="a" * 40, new="b" * 40, tree="c" * 40, subject="x")
    Landing.objects.filter(pk=landing.pk).update(intent=intent)
    assert lost_work.begin_again_late() == 1
    assert [Round.objects.get(entry=entry).given_up for entry in (lands, lost)] == [False, True]
    only_there(team)
    only_there(other)
    assert lost_work.begin_again_late() == 1, "one that lands now keeps the others of its workspace for the next tick"
    Landing.objects.filter(pk=landing.pk).update(state="landed", ended_at=now())
    Entry.objects.filter(pk=lands.pk).update(**CLOSED)
    only_there(other)
    assert lost_work.begin_again_late() == 2


@pytest.mark.parametrize(
    ("fields", "is_alone"),
    [
        ({}, True),
        ({"is_shared": True}, False),
        ({"deleted_at": now()}, False),
        ({**CLOSED}, False),
        ({"host_id": ""}, False),
    ],
)
def test_work_is_on_one_host_alone_while_it_is_not_shared_and_not_done(
    team: Workspace, fields: dict[str, Any], is_alone: bool
) -> None:
    entry = only_there(team)
    Entry.objects.filter(pk=entry.pk).update(**fields)
    assert list(lost_work.only_on()) == list(lost_work.only_on("host_1")) == [entry] * is_alone
    assert not lost_work.only_on("host_2").exists()


@pytest.mark.parametrize(
    ("host_id", "name", "expected"),
    [
        ("host_9", "build-9", ("host_9", "build-9")),
        ("host_9", "", ("host_9", "host_9")),
        ("here", "build-9", None),
        ("", "build-2", ("host_2", "build-2")),
        ("", "long-gone" * 6, (("long-gone" * 6)[:40], "long-gone" * 6)),
        ("", "this", None),
        ("", "", None),
    ],
)
def test_the_host_of_a_round_is_known_by_its_id_or_else_by_its_name(
    team: Workspace, host_id: str, name: str, expected: tuple[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_work.hosts, "host_id", lambda: "here")
    monkeypatch.setattr(lost_work.socket, "gethostname", lambda: "this")
    Worker.objects.filter(pk=a_host("", "build-2").pk).update(id="0")  # of an earlier version, and the first to be read
    entry = only_there(team)
    Session.objects.filter(entry=entry).update(host_id=host_id, host=name)
    round_ = Round.objects.select_related("session__workspace").get()
    host = lost_work.elsewhere(round_)
    assert (host and (host.id, host.name)) == expected
    round_.session.workspace.host_id = ""
    assert lost_work.elsewhere(round_) is None, "all hosts have the repository at the same path"


def test_an_entry_waits_for_the_host_that_has_its_work_from_now_on(team: Workspace) -> None:
    entry, other = an_entry(team), an_entry(team)
    Entry.objects.update(host_away_at=now())
    lost_work.wait_for(entry.pk, "host_2")
    entry.refresh_from_db()
    other.refresh_from_db()
    assert (entry.host_id, entry.is_shared, entry.host_away_at) == ("host_2", False, None)
    assert (other.host_id, other.is_shared) == ("", True) and other.host_away_at is not None


def test_an_entry_that_waited_for_a_person_goes_back_to_the_line(team: Workspace) -> None:
    entry, held = only_there(team), only_there(team)
    Entry.objects.filter(pk=entry.pk).update(reason_code="waiting_for_approval", reason_message="Approve it")
    Entry.objects.filter(pk=held.pk).update(status="blocked", reason_code="human_hold", reason_message="On hold")
    kept = a_session(an_entry(team))
    Conversation.objects.create(entry=kept.entry, role="implement", kind="codex", thread_id="t")
    lost_work.begin_again_at_once(entry)
    lost_work.begin_again_at_once(held)
    entry.refresh_from_db()
    held.refresh_from_db()
    assert (entry.status, entry.reason_code) == ("pending", "") and (held.status, held.reason_code) == ("blocked", "human_hold")
    assert held.next_work == "implement" and [each.entry_id for each in Conversation.objects.all()] == [kept.entry_id]


def test_a_deleted_entry_begins_nothing_again(team: Workspace) -> None:
    entry = only_there(team)
    Entry.objects.filter(pk=entry.pk).update(deleted_at=now())
    lost_work.begin_again_at_once(entry)
    assert not Round.objects.filter(given_up=True).exists()


def test_the_executor_and_the_pages_learn_that_it_begins_again(team: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    cycles, changes = list[str](), list[tuple[str, ...]]()
    monkeypatch.setattr(lost_work.wake_ups, "enqueue_cycle", cycles.append)
    monkeypatch.setattr(lost_work.wake_ups, "publish_change", lambda *change: changes.append(change))
    entry = only_there(team)
    cycles.clear()
    assert lost_work.begin_again_late() == 1 and cycles == [team.pk]
    assert (team.pk, "entries", "landing", "executor") in changes
    lost_work.begin_again_at_once(entry)
    assert cycles == [team.pk, team.pk]


def test_one_that_lands_now_goes_on_where_no_host_can_have_its_work_any_more(team: Workspace) -> None:
    entry = only_there(team, status="in_progress")
    landing = queue.enqueue(entry, "a" * 40, round_=Round.objects.get())
    intent = IntegrationCommit.objects.create(workspace=team, old="a" * 40, new="b" * 40, tree="c" * 40, subject="x")
    Landing.objects.filter(pk=landing.pk).update(intent=intent)
    lost_work.begin_again_at_once(entry)
    entry.refresh_from_db()
    assert (entry.status, entry.host_id, Landing.objects.get().state) == ("in_progress", "host_1", "queued")
    assert not Round.objects.filter(given_up=True).exists()


def test_a_person_who_gives_it_up_is_recorded(team: Workspace) -> None:
    entry = only_there(team)
    with transaction.atomic():
        assert lost_work.begin_again([entry], by=ANA) == [entry] and lost_work.begin_again([]) == []
    assert Event.objects.get(verb="entry.work_given_up").actor == "ana"
