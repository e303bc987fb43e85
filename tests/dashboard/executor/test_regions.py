"""The executor's page: slots and dependencies of the workers that count, why entries wait, ticks and cycles in words, and its controls."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils.timezone import now

from dashboard.executor import controls, views
from dashboard.shared import stop_progress
from orchestration.backlog import dependencies, entry_actions
from orchestration.executor import control
from orchestration.executor import stats as executor_stats
from orchestration.models import Executor, Session, Worker
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry, an_open_breaker
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.shop(max_workers=9)

HTMX = {"HX-Request": "true"}


def seen_ago(worker: Worker, leases: float) -> Worker:
    Worker.objects.filter(pk=worker.pk).update(seen_at=now() - timedelta(seconds=leases * settings.LEASE_S))
    return worker


def checks(shop: Workspace) -> dict[str, tuple[bool, str, str]]:
    return {
        check["name"]: (check["ok"], check["is_"], check["next"]) for check in views.dependencies(page_request(shop))["checks"]
    }


# Workers


def test_slots_are_those_of_session_workers_that_the_plan_counts(shop: Workspace) -> None:
    a_worker(slots=3, host="a")
    a_worker(slots=5, queue="control")
    seen_ago(a_worker(slots=7, host="late"), 0.6)
    a_worker(slots=11, host="drained", drain_by="ana")
    a_worker(slots=13, host="old", version="0.0.1")
    gone = seen_ago(a_worker(slots=17, host="gone"), 1.1)
    assert views.controls(page_request(shop))["slots_online"] == 3
    online = views.dependencies(page_request(shop))["online"]
    assert [worker.queue for worker in online] == ["control", *["sessions"] * 4] and gone not in online
    assert checks(shop)["Session workers"] == (True, "3 slots", "")


def test_a_trouble_of_a_session_worker_is_named_where_nothing_can_start(shop: Workspace) -> None:
    assert checks(shop)["Session workers"] == (False, "0 slots", "Nothing can start. Start one: ./muster worker")
    a_worker(queue="control", host="c", problem="no disk")
    a_worker(slots=0, host="a")
    a_worker(slots=0, host="b", problem="no git")
    assert checks(shop)["Session workers"] == (False, "0 slots", "Nothing can start. b: no git")


def test_the_control_worker_is_judged_by_its_tick(shop: Workspace) -> None:
    start = "Start one: ./muster worker --queue control"
    assert checks(shop)["Control worker"] == (False, "no tick", start)
    a_worker()
    worker = a_worker(queue="control", ticked_at=now())
    assert checks(shop)["Control worker"] == (True, "1 online", "")
    late = timedelta(seconds=executor_stats.late_after_s() + 1)
    Worker.objects.filter(pk=worker.pk).update(ticked_at=now() - late)
    assert checks(shop)["Control worker"] == (False, "no tick", start)


def test_repository_agent_and_valkey_are_those_of_this_workspace(
    shop: Workspace, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = a_workspace(name="Other")
    trouble = {"repository_code": "no_such_branch", "repository_message": "Make it", "repository_since": now()}
    Executor.objects.filter(pk=other.pk).update(**trouble)
    an_open_breaker(other, "auth", "Log in")
    assert checks(shop)["Repository"] == (False, "not found from this server", "Sessions on hosts without it fail to start")
    Workspace.objects.filter(pk=shop.pk).update(repo=str(tmp_path))
    shop.refresh_from_db()
    assert (checks(shop)["Repository"], checks(shop)["Agent"]) == ((True, "there", ""), (True, "available", ""))
    assert checks(other)["Repository"] == (False, "no such branch", "Make it")
    assert checks(other)["Agent"] == (False, "auth", "Log in")
    for answer, shown in (
        ([], (True, "answers", "")),
        (None, (False, "unreachable", "Work continues with each tick, with a delay")),
    ):
        monkeypatch.setattr(executor_stats, "ticks", lambda answer=answer: answer)
        assert checks(shop)["Valkey"] == shown


@pytest.mark.parametrize(("free", "ok"), [(views.MIN_FREE_BYTES + 1, True), (views.MIN_FREE_BYTES, False)])
def test_a_disk_with_too_little_room_is_no_good(shop: Workspace, monkeypatch: pytest.MonkeyPatch, free: int, ok: bool) -> None:
    monkeypatch.setattr(views.shutil, "disk_usage", lambda path: type("Usage", (), {"free": free}))
    assert checks(shop)["Disk"] == (ok, "2.0 GiB free", "" if ok else "Worktrees and logs may not fit: free some space")


# Why entries wait


def test_each_reason_is_counted_and_the_first_entries_are_explained(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker(slots=1)
    holder = an_entry(shop, files=["a.py"])
    a_session(holder)
    Worker.objects.all().delete()
    a_worker(slots=5)
    parked, held, waiter, free = an_entry(shop, files=["a.py"]), an_entry(shop), an_entry(shop), an_entry(shop)
    entry_actions.put_on_hold(held, by=ANA, reason="later")
    dependencies.depend(waiter, holder, by=ANA)
    an_entry(a_workspace(name="Other"))
    seen = views.waiting(page_request(shop))
    assert sorted((code, n) for code, _, n in seen["tally"]) == [
        ("dependencies_pending", 1),
        ("files_locked", 1),
        ("human_hold", 1),
    ]
    assert (seen["ready"], seen["more_waiting"], seen["explained_count"]) == (1, 0, 0)
    by_seq = {row["entry"].seq: row for row in seen["explained"]}
    assert set(by_seq) == {parked.seq, held.seq, waiter.seq} and free.seq not in by_seq
    assert ("#1", f"/w/{shop.pk}/backlog/{holder.pk}/") in by_seq[parked.seq]["why"]
    assert [name for name, _, _ in by_seq[parked.seq]["failing"]] == ["File lock"]
    assert by_seq[parked.seq]["passing"] == len(views.explain.explain(shop.pk)[1][0].checks) - 1
    monkeypatch.setattr(views, "MAX_EXPLAINED", 2)
    seen = views.waiting(page_request(shop))
    assert (len(seen["explained"]), seen["more_waiting"], sum(n for _, _, n in seen["tally"])) == (2, 1, 3)
    for limit, explained in ((5, 0), (4, 4), (3, 3)):
        monkeypatch.setattr(views, "MAX_CHECKED", limit)
        assert views.waiting(page_request(shop))["explained_count"] == explained


# Ticks


@pytest.mark.parametrize(
    ("cycle", "words"),
    [
        ({"state": "paused", "free": 1, "looked": 1, "waits": {}}, "skipped: the executor is paused"),
        ({"state": "running", "free": 0, "looked": 1, "waits": {"files_locked": 1}}, "no free slot"),
        ({"state": "running", "free": 1, "looked": 0, "waits": {}}, "no entries were ready"),
        ({"state": "running", "free": 1, "looked": 2, "waits": {}}, "all ready entries were started"),
        ({"state": "running", "free": 1, "looked": 3, "waits": {"files_locked": 2, "human_hold": 1}}, "2 waiting for locked files, 1 on hold"),
    ],
)  # fmt: skip
def test_a_cycle_is_in_words(cycle: dict[str, Any], words: str) -> None:
    shown = views._cycle(cycle | {"at": 0})
    assert (shown["words"], shown["when"].isoformat(), shown["free"]) == (words, "1970-01-01T00:00:00+00:00", cycle["free"])


def test_ticks_have_their_usual_and_their_slow_time_and_cycles_are_of_this_workspace(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cycle(n: int) -> dict[str, Any]:
        return {"at": n, "state": "running", "free": 1, "looked": 0, "waits": {}, "started": n, "ms": 1}

    asked = []
    monkeypatch.setattr(executor_stats, "ticks", lambda: [{"ms": ms} for ms in (9, 1, 5, 100, 3)])
    monkeypatch.setattr(
        executor_stats, "cycles", lambda workspace_id: asked.append(workspace_id) or [cycle(n) for n in (4, 3, 2)]
    )
    monkeypatch.setattr(views, "MAX_TICKS", 2)
    drawn: list[list[int]] = []
    monkeypatch.setattr(views, "_spark", lambda started: drawn.append(started) or "svg")
    seen = views.ticks(page_request(shop))
    assert (seen["known"], seen["p50"], seen["p95"], seen["beats"], seen["late"], seen["ticked_at"]) == (
        True,
        5,
        100,
        5,
        True,
        None,
    )
    assert ([each["at"] for each in seen["cycles"]], seen["spark"], set(asked)) == ([4, 3], "svg", {shop.pk})
    assert drawn[0][-4:] == [0, 2, 3, 4] and len(drawn[0]) == views.MAX_BEATS
    for name in ("ticks", "cycles"):
        with monkeypatch.context() as patched:
            patched.setattr(executor_stats, name, lambda *workspace: None)
            assert not views.ticks(page_request(shop))["known"]
    monkeypatch.setattr(executor_stats, "ticks", list)
    monkeypatch.setattr(executor_stats, "cycles", lambda workspace_id: [])
    seen = views.ticks(page_request(shop))
    assert (seen["known"], seen["p50"], seen["p95"], seen["spark"]) == (True, None, None, "")


def test_cycles_in_a_row_that_started_nothing_for_one_reason_are_one_row(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = {"state": "running", "free": 0, "looked": 0, "waits": {}, "started": 0}
    started = full | {"free": 2, "looked": 3, "started": 2}
    newest_first = [
        full | {"at": 90, "ms": 3},
        full | {"at": 80, "ms": 9},
        started | {"at": 70, "ms": 4},
        full | {"at": 60, "ms": 5},
    ]
    monkeypatch.setattr(executor_stats, "cycles", lambda workspace_id: newest_first)
    rows = views.ticks(page_request(shop))["cycles"]
    assert [(row["at"], row["ms"], row.get("count"), row["words"]) for row in rows] == [
        (90, 9, 2, "no free slot"),
        (70, 4, None, "all ready entries were started"),
        (60, 5, 1, "no free slot"),
    ]
    assert rows[0]["since"].timestamp() == 80


def test_the_history_is_of_this_executor_the_newest_first(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    other = a_workspace(name="Other")
    for where, verb in ((shop, "executor.pause"), (shop, "entry.held"), (other, "executor.pause"), (shop, "executor.resume")):
        Event.objects.create(workspace=where, verb=verb, object_id=where.pk, actor="ana", actor_kind="human", data={})

    def verbs() -> list[str]:
        return [row["event"].verb for row in views.history(page_request(shop))["history"]]

    assert verbs() == ["executor.resume", "executor.pause"]
    monkeypatch.setattr(views, "MAX_HISTORY", 1)
    assert verbs() == ["executor.resume"]


# Controls


@pytest.mark.parametrize(
    ("verb", "before", "sentence", "state", "back"),
    [
        ("start", "stopped", "The executor is running", "running", "pause"),
        ("pause", "running", "Dispatch is paused; running sessions continue", "paused", "resume"),
        ("resume", "paused", "The executor is running again", "running", "pause"),
    ],
)
def test_each_change_offers_its_undo_for_the_state_that_it_made(
    shop: Workspace, verb: str, before: str, sentence: str, state: str, back: str
) -> None:
    Executor.objects.filter(pk=shop.pk).update(state=before)
    seen = client_of("otto", "operator", shop).post(f"/w/{shop.pk}/settings/executor/{verb}/", headers=HTMX).content.decode()
    executor = Executor.objects.get(pk=shop.pk)
    assert executor.state == state and sentence in seen
    assert f'action="/w/{shop.pk}/settings/executor/{back}/"' in seen and f'name="version" value="{executor.version}"' in seen


def test_a_form_of_an_older_version_is_refused_with_who_changed_what(shop: Workspace) -> None:
    otto = client_of("otto", "operator", shop)
    version = Executor.objects.get(pk=shop.pk).version
    control.pause(shop.pk, by=ANA)
    Executor.objects.filter(pk=shop.pk).update(changed_at=now() - timedelta(minutes=5, seconds=1))
    response = otto.post(f"/w/{shop.pk}/settings/executor/resume/", {"version": version}, headers=HTMX)
    words = "ana changed the executor 5m 01s ago: it is now paused. No action was taken; check the state and decide"
    assert response.status_code == 409 and words in response.content.decode()


def test_a_cycle_by_hand_counts_what_it_started_and_names_what_it_did_not(shop: Workspace) -> None:
    otto = client_of("otto", "operator", shop)
    a_worker(slots=9)
    address = f"/w/{shop.pk}/settings/executor/dispatch/"
    assert "No session could start." in otto.post(address, headers=HTMX).content.decode()
    an_entry(shop)
    seen = otto.post(address, headers=HTMX).content.decode()
    assert "Started 1 session." in seen and "Not started" not in seen and "result good" in seen
    for _ in range(2):
        an_entry(shop)
    entry_actions.put_on_hold(an_entry(shop), by=ANA)
    seen = otto.post(address, headers=HTMX).content.decode()
    assert "Started 2 sessions. Not started: " in seen
    event = Event.objects.filter(verb="executor.force_dispatch").latest("id")
    assert (event.workspace_id, event.object_id, event.actor) == (shop.pk, shop.pk, "otto")


@pytest.mark.parametrize(
    ("at_work", "words"),
    [
        (0, "No session is running. Dispatch turns off until someone resumes it."),
        (1, "Ends the running session and turns dispatch off. "),
        (3, "Ends all 3 running sessions and turns dispatch off. "),
    ],
)
def test_the_question_before_a_stop_counts_what_it_ends(at_work: int, words: str) -> None:
    assert controls.stop_sentence(at_work).startswith(words)


def test_a_stop_ends_sessions_of_every_role_of_this_workspace(shop: Workspace) -> None:
    otto = client_of("otto", "operator", shop)
    other = a_workspace(name="Other", max_workers=9)
    a_session(an_entry(shop))
    theirs = a_session(an_entry(other))
    run = Session.objects.create(workspace=shop, role="plan", attempt=1, status="running")
    question = otto.get(f"/w/{shop.pk}/settings/executor/stop/").context["confirmation"]
    assert question["sentence"].startswith("Ends all 2 running sessions")
    seen = otto.post(f"/w/{shop.pk}/settings/executor/stop/", question["fields"], headers=HTMX).content.decode()
    assert "2 sessions were asked to stop" in seen and "result warn" in seen
    asked = Session.of_any_role.filter(stop_wanted_at__isnull=False)
    assert set(asked.values_list("workspace", flat=True)) == {shop.pk} and asked.filter(pk=run.pk).exists()
    assert not asked.filter(pk=theirs.pk).exists()
    stop = stop_progress.load(page_request(shop))
    assert stop is not None and (stop.summary, stop.complete, stop.by) == ("0 of 2 confirmed", False, "otto")


def test_who_stopped_everything_may_do_so_again_and_others_are_named_the_first(shop: Workspace) -> None:
    otto, bea = (client_of(name, "operator", shop) for name in ("otto", "oskar"))
    a_session(an_entry(shop))
    address = f"/w/{shop.pk}/settings/executor/stop/"
    fields = [client.get(address).context["confirmation"]["fields"] for client in (otto, bea)]
    assert otto.post(address, fields[0], headers=HTMX).status_code == 200
    assert bea.post(address, fields[1], headers=HTMX).status_code == 409
    assert otto.post(address, fields[0], headers=HTMX).status_code == 200
    Session.objects.filter(workspace=shop).update(stop_wanted_at=None)
    assert bea.post(address, fields[1], headers=HTMX).status_code == 200


def test_with_nothing_at_work_a_stop_turns_dispatch_off(shop: Workspace) -> None:
    otto = client_of("otto", "operator", shop)
    address = f"/w/{shop.pk}/settings/executor/stop/"
    fields = otto.get(address).context["confirmation"]["fields"]
    assert "Dispatch is off; no session was running" in otto.post(address, fields, headers=HTMX).content.decode()
    assert Executor.objects.get(pk=shop.pk).state == "paused"
