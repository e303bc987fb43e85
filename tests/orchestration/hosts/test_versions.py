"""A session worker of a release that is too old or too new gets nothing, counts for nothing, and is named with what to do."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from orchestration import sessions
from orchestration.executor import dispatch, explain, reconcile, snapshot
from orchestration.hosts import online, problems
from orchestration.landing import branch
from orchestration.maintenance import doctor
from orchestration.models import Integration, Session, Worker
from orchestration.worker import heartbeat
from orchestration.worker.lander.service import Service
from tests.config.test_metrics import samples
from tests.factories import a_session, a_token, a_worker, a_workspace, an_entry, sessions_of, some_entries
from workspaces.machine import release
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db
OTHERS = [("", "too old"), ("0.1.9", "too old"), ("9.9.9", "too new")]
NEXT = release.COMPATIBLE[-1]


def a_claim(workspace: Workspace) -> Session:
    an_entry(workspace)
    dispatch.cycle(workspace.pk)
    [claim] = sessions_of(workspace)
    return claim


@pytest.mark.parametrize(("version", "words"), OTHERS)
def test_its_slots_count_for_nothing_and_the_others_take_all(version: str, words: str) -> None:
    a_worker(slots=9, host="other", version=version)
    a_worker(slots=2, host="here")
    workspace = a_workspace(max_workers=20)
    some_entries(workspace, "One", "Two", "Three")
    dispatch.cycle(workspace.pk)
    assert [session.host_id for session in sessions_of(workspace)] == ["here", "here"]
    cycle_input = snapshot.cycle_input(workspace.pk, lock=False)
    assert (cycle_input.worker_slots, cycle_input.free_slots) == (2, 0)


@pytest.mark.parametrize(("version", "words"), OTHERS)
def test_where_it_is_alone_entries_wait_with_the_reason(version: str, words: str) -> None:
    a_worker(slots=9, host="other", version=version)
    workspace = a_workspace()
    an_entry(workspace)
    dispatch.cycle(workspace.pk)
    [waiting] = explain.explain(workspace.pk)[1]
    assert not sessions_of(workspace) and waiting.why is not None
    assert waiting.why.code == "no_worker_online"
    assert waiting.why.message.startswith("other: Its Muster") and words in waiting.why.message


def test_a_worker_of_the_next_release_works_with_this_one() -> None:
    worker = a_worker(slots=1, host="other", version=NEXT)
    claim = a_claim(a_workspace())
    assert claim.version == release.NUMBER
    assert sessions.take(claim.pk, attempt=1, worker=worker) is not None


def test_an_old_worker_that_knows_no_condition_is_never_the_first_to_take_a_session_or_to_land() -> None:
    a_worker(slots=1)
    workspace = a_workspace()
    claim, old = a_claim(workspace), a_worker(slots=1, version="")
    taken = Session.of_any_role.filter(pk=claim.pk, attempt=1, status="claimed").update(status="running", worker=old)
    assert not taken, "for its code, another worker was first"
    row, _ = Integration.objects.get_or_create(pk=workspace.pk)
    assert branch.lease(row, old) is None
    row.refresh_from_db()
    assert (row.fence, branch.lease(row, a_worker())) == (0, 1)


def test_an_old_worker_never_ends_what_a_numbered_release_began_and_charges_nothing_of_it() -> None:
    """Its reaper knows no host that is away: it would charge the whole reservation."""
    session = a_session(an_entry(a_workspace()))
    running = Session.of_any_role.filter(pk=session.pk, attempt=session.attempt, status="running")
    assert not running.update(status="ended", outcome="lost"), "for its code, another worker was first"
    assert sessions.conclude(session, sessions.Ending(Session.Outcome.LOST, "gone"))
    session.refresh_from_db()
    assert (session.status, session.ended_by_version) == ("ended", release.NUMBER)


def test_an_old_worker_ends_what_it_began_itself() -> None:
    session = a_session(an_entry(a_workspace()))
    Session.objects.update(version="")
    assert Session.of_any_role.filter(pk=session.pk, status="running").update(status="ended", outcome="passed")


@pytest.mark.parametrize("claimed_by", ["0.1.9", "9.9.9"])
def test_a_worker_takes_no_session_of_an_incompatible_release(claimed_by: str) -> None:
    worker = a_worker(slots=1)
    claim = a_claim(a_workspace())
    Session.objects.update(version=claimed_by)
    assert sessions.take(claim.pk, attempt=1, worker=worker) is None
    Session.objects.update(version="")  # of a control worker before 0.2.0, which the upgrade left behind
    assert sessions.take(claim.pk, attempt=1, worker=worker) is not None


def test_a_session_that_another_host_was_given_is_left_to_it() -> None:
    mine, other = a_worker(slots=1, host="mine"), a_worker(slots=0, host="other")
    claim = a_claim(a_workspace())
    assert sessions.take(claim.pk, attempt=1, worker=other) is None
    assert sessions.take(claim.pk, attempt=1, worker=mine) is not None


def test_a_claim_of_a_host_that_got_too_old_is_given_back() -> None:
    a_worker(slots=1, host="other")
    claim = a_claim(a_workspace())
    Session.objects.update(enqueued_at="2020-01-01T00:00:00Z")
    assert reconcile.give_back() == 0
    Worker.objects.update(version="")
    assert reconcile.give_back() == 1
    claim.refresh_from_db()
    assert claim.outcome == "interrupted"


@pytest.mark.parametrize(("version", "words"), OTHERS)
def test_the_page_of_hosts_doctor_and_metrics_name_it(client: Client, admin_client: Client, version: str, words: str) -> None:
    workspace = a_workspace()
    a_worker(slots=9, host="other", version=version)
    sentence = release.why_incompatible(version)
    assert words in sentence
    page = admin_client.get(reverse("hosts", args=[workspace.pk])).content.decode()
    for text in ("Gets no sessions", sentence.replace("'", "&#x27;"), version or "none", "0 of 0 taken"):
        assert text in " ".join(page.split()), text
    [finding] = doctor._hosts()
    assert sentence in str(finding) and "other" in str(finding)
    read = samples(client, a_token(None, Role.VIEWER))
    other = (("host", "other"), ("host_id", "other"))
    assert read["muster_host_version_refused", (*other, ("version", version or "none"))] == 1
    assert (read["muster_worker_slots", other], read["muster_host_trouble", other]) == (0, 1)


def test_a_host_in_order_is_named_by_none_of_them(client: Client) -> None:
    a_worker(slots=9, host="here")
    read = samples(client, a_token(None, Role.VIEWER))
    here = (("host", "here"), ("host_id", "here"))
    assert read["muster_host_version_refused", (*here, ("version", release.NUMBER))] == 0
    assert read["muster_host_trouble", here] == read["muster_host_gone", here] == 0
    assert not any(finding.problem for finding in doctor._hosts())


@pytest.mark.parametrize(("version", "stops"), [("", False), (NEXT, False), ("9.9.9", True)])
def test_a_worker_itself_stops_where_the_control_worker_is_of_another_release(version: str, stops: bool) -> None:
    a_worker(queue="control", version=version)
    assert ("Its Muster is" in problems.that_stops()) is stops


def test_a_lander_does_nothing_where_the_control_worker_is_of_another_release(monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker(queue="control", version="9.9.9")
    service = Service(a_worker())
    monkeypatch.setattr(service, "run_due", lambda: pytest.fail("it worked"))
    monkeypatch.setattr(service.wake_up, "wait", lambda seconds: service.stop())
    service._loop()


@pytest.mark.parametrize("trouble", ["clock", "disk", "version"])
def test_a_host_that_a_problem_stops_offers_no_slots(trouble: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LABELS = []
    if trouble == "clock":
        monkeypatch.setattr(problems, "clock_skew", lambda: 600.0)
    if trouble == "disk":
        settings.DISK_RESERVE_MB = 10**9
    if trouble == "version":
        a_worker(queue="control", version="9.9.9")
    worker = heartbeat.Heartbeat("sessions", 4).worker
    assert (worker.slots, worker.problem != "") == (0, True)
    assert worker.version == release.NUMBER
    assert [host.problem for host in online.hosts_of(online._rows(), "")] == [worker.problem]
