"""`/metrics` for Prometheus, and `/readyz` for load balancers."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now
from prometheus_client.parser import text_string_to_metric_families

from budget.amounts import MICRO
from budget.models import Category
from orchestration.maintenance.backup import record
from orchestration.metrics import entry_counts, families
from orchestration.models import Backup, Entry, Executor, Integration, Landing, Session, Worker
from tests.dashboard.seeds import gateway
from tests.factories import (
    a_charge,
    a_session,
    a_token,
    a_worker,
    a_workspace,
    an_entry,
    an_open_breaker,
    ended,
    project,
    some_entries,
)
from workspaces.machine import release
from workspaces.models import ApiToken, Role
from workspaces.people import tokens


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    yield
    _wait_for_counts()
    entry_counts._kept.clear()


def _wait_for_counts() -> None:
    for thread in threading.enumerate():
        if thread.name == "entry-counts":
            thread.join()


def samples(client: Client, secret: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    response = client.get("/metrics", headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == 200
    families = text_string_to_metric_families(response.content.decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_it_shows_money_entries_and_hosts(db: None, client: Client) -> None:
    workspace = a_workspace(cap="100")
    entries = some_entries(workspace, "One", "Two", "Three")
    Entry.objects.filter(pk=entries[0].pk).update(status="blocked", reason_code="human_hold")
    a_worker(slots=7)
    read = samples(client, a_token(None, Role.VIEWER))
    mine = ("workspace", workspace.pk)
    assert read["muster_cap_usd", (mine,)] == 100
    assert read["muster_spend_usd_total", (("category", "expansion"), mine)] == 0
    assert read["muster_entries", (("reason", "human_hold"), ("status", "blocked"), mine)] == 1
    assert read["muster_entries", (("reason", "none"), ("status", "pending"), mine)] == 2
    assert read["muster_worker_slots", (("host", "here"), ("host_id", ""))] == 7


def test_it_shows_every_metric_there_is(db: None, client: Client) -> None:
    workspace = a_workspace()
    first, second = some_entries(workspace, "One", "Two")
    Integration.objects.get_or_create(pk=workspace.pk)
    a_charge(first, "0.10", model="opus")
    a_session(first)
    Landing.objects.create(workspace=workspace, entry=second, commit="a" * 40)
    some_entries(workspace, "Three")
    Worker.objects.update(ticked_at=now())
    assert {name for name, _ in samples(client, a_token(None, Role.VIEWER))} == families.LABELS.keys()


def test_a_host_that_was_not_seen_for_a_lease_is_gone_and_has_no_slots(db: None, client: Client) -> None:
    a_worker(slots=7, host="gone")
    Worker.objects.update(seen_at=now() - timedelta(hours=1))
    a_worker(slots=3, host="there")
    read = samples(client, a_token(None, Role.VIEWER))
    hosts = {name: (("host", name), ("host_id", name)) for name in ("gone", "there")}
    assert [read.get(("muster_worker_slots", host)) for host in hosts.values()] == [None, 3]
    assert [read["muster_host_gone", host] for host in hosts.values()] == [1, 0]


STATES = ("waiting", "waiting_for_provider", "sent")


def test_it_shows_the_requests_in_the_gateway(db: None, client: Client) -> None:
    workspace, other = a_workspace(), a_workspace()
    gateway.paced(gateway.one_of_each(a_session(an_entry(workspace, budget="3"))))
    read = samples(client, a_token(None, Role.VIEWER))
    for shop, numbers in ((workspace, (2, 1, 1, 0.15, 1)), (other, (0, 0, 0, 0, 0))):
        mine = ("workspace", shop.pk)
        at_work = [read["muster_gateway_requests", (("state", state), mine)] for state in STATES]
        unknown, refused = read["muster_gateway_unknown_usd", (mine,)], read["muster_gateway_refused_total", (mine,)]
        assert (*at_work, unknown, refused) == numbers


@pytest.mark.parametrize("state", Integration.State.values)
def test_work_may_start_from_a_branch_that_is_good_or_not_judged(db: None, client: Client, state: str) -> None:
    workspace = a_workspace()
    Integration.objects.update_or_create(pk=workspace.pk, defaults={"state": state})
    read = samples(client, a_token(None, Role.VIEWER))
    good = read["muster_integration_good", (("state", state), ("workspace", workspace.pk))]
    assert good == (state in ("good", "unknown"))


def test_entries_that_wait_are_shown_by_their_reason(db: None, client: Client) -> None:
    workspace = a_workspace()
    first, second, third = some_entries(workspace, "One", "Two", "Three")
    Entry.objects.filter(pk=second.pk).update(unmet_dependencies=1)
    Entry.objects.filter(pk=third.pk).update(parked_behind=first)
    read = samples(client, a_token(None, Role.VIEWER))
    for reason in ("dependencies_pending", "files_locked", "none"):
        assert read["muster_entries", (("reason", reason), ("status", "pending"), ("workspace", workspace.pk))] == 1


def test_several_processes_of_a_queue_on_one_host_are_one_series(db: None, client: Client) -> None:
    for _ in range(2):
        a_worker()
    response = client.get("/metrics", headers={"Authorization": f"Bearer {a_token(None, Role.VIEWER)}"})
    lines = [line.rpartition(" ")[0] for line in response.content.decode().splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines))


def test_a_large_backlog_is_counted_after_a_scrape_for_the_next_one(
    transactional_db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry_counts, "LARGE", 1)
    workspace = a_workspace()
    some_entries(workspace, "One", "Two")
    secret = a_token(None, Role.VIEWER)
    pending = ("muster_entries", (("reason", "none"), ("status", "pending"), ("workspace", workspace.pk)))
    assert samples(client, secret)[pending] == 2
    for number, name in ((3, "Three"), (4, "Four")):
        _wait_for_counts()
        some_entries(workspace, name)
        assert samples(client, secret)[pending] == number - 1
        _wait_for_counts()
        assert samples(client, secret)[pending] == number


def test_who_may_see_one_workspace_gets_no_count_that_was_kept_for_others(
    transactional_db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry_counts, "LARGE", 0)
    first, second = a_workspace(), a_workspace(name="Second")
    some_entries(first, "One")
    some_entries(second, "Two", "Three")
    for token, expected in ((None, {1, 2}), (first, {1}), (second, {2}), (None, {1, 2})):
        read = samples(client, a_token(token, Role.VIEWER))
        assert {number for (name, _), number in read.items() if name == "muster_entries"} == expected
        _wait_for_counts()


def test_a_backlog_that_is_small_again_is_counted_at_once(
    transactional_db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry_counts, "LARGE", 1)
    workspace = a_workspace()
    gone, _ = some_entries(workspace, "One", "Two")
    secret = a_token(None, Role.VIEWER)
    pending = ("muster_entries", (("reason", "none"), ("status", "pending"), ("workspace", workspace.pk)))
    assert samples(client, secret)[pending] == 2
    Entry.objects.filter(pk=gone.pk).update(deleted_at=now())
    assert samples(client, secret)[pending] == 2
    _wait_for_counts()
    assert samples(client, secret)[pending] == 1


def test_a_count_that_is_too_old_is_not_shown(db: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_counts, "LARGE", 1)
    monkeypatch.setattr(entry_counts, "KEEP_S", 0)
    workspace = a_workspace()
    secret = a_token(None, Role.VIEWER)
    for number, name in enumerate(("One", "Two", "Three"), start=1):
        some_entries(workspace, name)
        key = ("muster_entries", (("reason", "none"), ("status", "pending"), ("workspace", workspace.pk)))
        assert samples(client, secret)[key] == number


def test_a_token_of_one_workspace_shows_that_one(db: None, client: Client) -> None:
    mine, other = a_workspace(name="Mine"), a_workspace(name="Other")
    for workspace in (mine, other):
        at_work, queued = some_entries(workspace, "One", "Two")
        a_charge(at_work, "0.10", model="opus")
        a_session(at_work)
        ended(a_session(queued))
        Integration.objects.get_or_create(pk=workspace.pk)
        Landing.objects.create(workspace=workspace, entry=queued, commit="a" * 40)
    read = samples(client, a_token(mine, Role.VIEWER))
    shown = {dict(labels).get("workspace") for _, labels in read}
    assert mine.pk in shown and other.pk not in shown


def test_a_sessions_token_reads_no_metrics_and_another_one_is_marked_as_used(db: None, client: Client) -> None:
    workspace = a_workspace()
    secret = tokens.create("agent", role=Role.VIEWER, workspace=workspace, session_ref="sess_1")
    assert client.get("/metrics", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    samples(client, a_token(workspace, Role.VIEWER))
    assert [token.last_used_at is not None for token in ApiToken.objects.order_by("pk")] == [False, True]
    assert client.post("/metrics", headers={"Authorization": f"Bearer {secret}"}).status_code == 405


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic abc"])
def test_without_a_token_the_answer_names_the_command_that_creates_one(db: None, client: Client, header: str) -> None:
    response = client.get("/metrics", headers={"Authorization": header} if header else {})
    assert response.status_code == 401 and "./muster token create" in response.content.decode()


def test_the_number_of_statements_does_not_grow_with_workspaces(db: None, client: Client, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    secret = a_token(None, Role.VIEWER)
    a_workspace()
    samples(client, secret)
    with django_assert_num_queries(13):
        samples(client, secret)
    for _ in range(3):
        some_entries(a_workspace(), "One")
    with django_assert_num_queries(13):
        samples(client, secret)


def test_readiness_names_what_delays_work_and_still_answers_200(db: None, client: Client) -> None:
    Worker.objects.all().delete()
    response = client.get("/readyz")
    assert response.status_code == 200 and "no control worker has ticked" in response.content.decode()


def test_a_backup_that_lacks_something_is_no_whole_one(db: None, client: Client) -> None:
    workspace = a_workspace()
    type(workspace).objects.update(created_at=now() - timedelta(days=3))
    for is_whole, hours in ((True, 30), (False, 1)):
        record.write(is_whole=is_whole)
        Backup.objects.filter(is_whole=is_whole).update(at=now() - timedelta(hours=hours))
    assert samples(client, a_token(None, Role.VIEWER))["muster_backup_age_seconds", ()] == pytest.approx(30 * 3600, abs=60)


@pytest.mark.parametrize("state", Executor.State.values)
def test_only_an_executor_that_runs_is_running(db: None, client: Client, state: str) -> None:
    workspace = a_workspace(state=state)
    read = samples(client, a_token(None, Role.VIEWER))
    assert read["muster_executor_running", (("state", state), ("workspace", workspace.pk))] == (state == "running")


def test_money_is_that_of_each_workspace_by_category(db: None, client: Client) -> None:
    mine, other = a_workspace(cap="100"), a_workspace(cap="50", name="Other")
    entry, second = some_entries(mine, "One", "Two")
    a_charge(entry, "1.25")
    a_charge(None, "2", category="orchestrator", in_=mine)
    a_charge(None, "3", category="orchestrator", in_=other)
    a_session(second)
    read = samples(client, a_token(None, Role.VIEWER))
    spent = {(c, w.pk): read["muster_spent_usd", (("category", c), ("workspace", w.pk))] for c in Category for w in (mine, other)}
    assert {key: amount for key, amount in spent.items() if amount} == {
        ("entry", mine.pk): 1.25,
        ("orchestrator", mine.pk): 2,
        ("orchestrator", other.pk): 3,
    }
    assert read["muster_reserved_usd", (("workspace", mine.pk),)] == project(mine).held / MICRO > 0
    assert read["muster_reserved_usd", (("workspace", other.pk),)] == 0


def test_deleted_entries_and_workspaces_are_in_no_gauge(db: None, client: Client) -> None:
    mine, gone = a_workspace(), a_workspace(name="Gone")
    deleted = some_entries(mine, "One", "Two")[1]
    Entry.objects.filter(pk=deleted.pk).update(deleted_at=now())
    type(gone).objects.filter(pk=gone.pk).update(deleted_at=now())
    read = samples(client, a_token(None, Role.VIEWER))
    assert read["muster_entries", (("reason", "none"), ("status", "pending"), ("workspace", mine.pk))] == 1
    assert gone.pk not in {dict(labels).get("workspace") for _, labels in read}


def test_the_oldest_entry_that_can_start_is_one_without_a_reason(db: None, client: Client) -> None:
    workspace = a_workspace()
    old, ready, held, newer = some_entries(workspace, "One", "Two", "Three", "Four")
    for entry, hours in ((old, 9), (ready, 2), (held, 5), (newer, 1)):
        Entry.objects.filter(pk=entry.pk).update(updated_at=now() - timedelta(hours=hours))
    Entry.objects.filter(pk=old.pk).update(status="blocked", reason_code="human_hold")
    Entry.objects.filter(pk=held.pk).update(unmet_dependencies=1)
    read = samples(client, a_token(None, Role.VIEWER))
    assert read["muster_oldest_ready_seconds", (("workspace", workspace.pk),)] == pytest.approx(2 * 3600, abs=60)


@pytest.mark.parametrize(("slots", "is_startable"), [(1, True), (0, False)])
def test_an_entry_that_could_start_and_does_not_is_no_entry_that_waits(
    db: None, client: Client, slots: int, is_startable: bool
) -> None:
    workspace = a_workspace()
    entry = some_entries(workspace, "One")[0]
    Entry.objects.filter(pk=entry.pk).update(updated_at=now() - timedelta(hours=2))
    a_worker(slots=slots)
    age = samples(client, a_token(None, Role.VIEWER))["muster_oldest_startable_seconds", (("workspace", workspace.pk),)]
    assert age == pytest.approx(2 * 3600 if is_startable else 0, abs=60)


def test_the_oldest_landing_counts_whatever_it_waits_for(db: None, client: Client) -> None:
    workspace = a_workspace()
    for hours, state, later in ((5, "landed", None), (3, "queued", now()), (1, "queued", None), (9, "waiting", None)):
        entry = some_entries(workspace, f"Of {hours}")[0]
        landing = Landing.objects.create(workspace=workspace, entry=entry, commit="a" * 40, state=state, not_before=later)
        Landing.objects.filter(pk=landing.pk).update(queued_at=now() - timedelta(hours=hours))
    read = samples(client, a_token(None, Role.VIEWER))
    assert read["muster_oldest_landing_seconds", (("workspace", workspace.pk),)] == pytest.approx(3 * 3600, abs=60)


def test_a_landing_whose_commit_is_elsewhere_waits_for_its_host(db: None, client: Client) -> None:
    workspace = a_workspace()
    states = (("queued", None), ("queued", now()), ("landed", None), ("checking", None), ("waiting", now()), ("waiting", None))
    for number, (state, later) in enumerate(states):
        entry = some_entries(workspace, f"Number {number}")[0]
        Landing.objects.create(workspace=workspace, entry=entry, commit=str(number) * 40, state=state, not_before=later)
    read = samples(client, a_token(None, Role.VIEWER))
    shown = {dict(labels)["state"]: n for (name, labels), n in read.items() if name == "muster_landings_open"}
    assert shown == {"queued": 1, "waiting_for_host": 2, "checking": 1}


def test_open_sessions_are_counted_by_phase_and_host(db: None, client: Client) -> None:
    workspace = a_workspace()
    first, second, third = some_entries(workspace, "One", "Two", "Three")
    for entry in (first, second):
        Session.objects.filter(pk=a_session(entry).pk).update(host="build")
    ended(a_session(third))
    plan = Session.of_any_role.create(id="run_1", workspace=workspace, role="plan", attempt=1, status="running", host="build")
    read = samples(client, a_token(None, Role.VIEWER))
    shown = {(dict(labels)["role"], dict(labels)["phase"]): n for (name, labels), n in read.items() if name == "muster_sessions"}
    assert shown == {("implement", "implementation"): 2, ("plan", plan.phase): 1}
    mine = (("host", "build"), ("phase", "implementation"), ("role", "implement"), ("workspace", workspace.pk))
    assert read["muster_sessions", mine] == 2


def test_circuit_breakers_are_shown_by_what_they_are_of(db: None, client: Client) -> None:
    workspace = a_workspace()
    an_open_breaker(workspace, "rate_limited")
    an_open_breaker(workspace, "", credential="counts only")
    read = samples(client, a_token(None, Role.VIEWER))
    mine = ("workspace", workspace.pk)
    assert read["muster_circuit_breaker_open", (("code", "rate_limited"), ("of", "provider"), mine)] == 1
    assert read["muster_circuit_breaker_open", (("code", "none"), ("of", "repository"), mine)] == 0


def test_a_host_is_what_its_workers_that_are_online_report(db: None, client: Client) -> None:
    number, host = release.NUMBER, (("host", "build"), ("host_id", "build"))
    a_worker(slots=2, host="build", version=number)
    a_worker(slots=3, host="build", version=number, problem="The disk is nearly full", drain_by="ana")
    old = a_worker(slots=5, host="build", version="0.0.1")
    a_worker(slots=5, host="build", version="")
    silent = a_worker(slots=7, host="build", version=number)
    Worker.objects.filter(pk=silent.pk).update(seen_at=now() - timedelta(hours=1))
    a_worker(slots=9, host="build", version=number, queue="control")
    fine, cut = ((("host", name), ("host_id", name)) for name in ("fine", "cut"))
    a_worker(slots=1, host="fine", version=number)
    a_worker(slots=1, host="cut", version=number, unreachable={"ws_1": "It does not answer"})
    read = samples(client, a_token(None, Role.VIEWER))
    names = ("muster_worker_slots", "muster_host_draining", "muster_host_trouble", "muster_host_gone")
    assert [[read[name, where] for name in names] for where in (host, fine, cut)] == [[5, 1, 1, 0], [1, 0, 0, 0], [1, 0, 1, 0]]
    refused = {dict(labels)["version"]: n for (name, labels), n in read.items() if name == "muster_host_version_refused"}
    assert refused == {number: 0, old.version: 1, "none": 1}


def test_a_queue_is_as_old_as_its_process_that_was_seen_last_and_a_tick_as_the_newest(db: None, client: Client) -> None:
    for seconds in (50, 20, 90):
        worker = a_worker(host="build", queue="control")
        Worker.objects.filter(pk=worker.pk).update(
            seen_at=now() - timedelta(seconds=seconds), ticked_at=now() - timedelta(seconds=seconds + 5)
        )
    read = samples(client, a_token(None, Role.VIEWER))
    assert read["muster_worker_seen_seconds", (("host", "build"), ("queue", "control"))] == pytest.approx(20, abs=10)
    assert read["muster_tick_age_seconds", ()] == pytest.approx(25, abs=10)


def test_before_the_first_backup_its_age_is_that_of_the_first_workspace(db: None, client: Client) -> None:
    for name, days in (("First", 3), ("Second", 1)):
        workspace = a_workspace(name=name)
        type(workspace).objects.filter(pk=workspace.pk).update(created_at=now() - timedelta(days=days))
    assert samples(client, a_token(None, Role.VIEWER))["muster_backup_age_seconds", ()] == pytest.approx(3 * 86_400, abs=60)
    for hours in (30, 10):
        record.write(is_whole=True)
        Backup.objects.filter(pk=Backup.objects.latest("pk").pk).update(at=now() - timedelta(hours=hours))
    assert samples(client, a_token(None, Role.VIEWER))["muster_backup_age_seconds", ()] == pytest.approx(10 * 3600, abs=60)
