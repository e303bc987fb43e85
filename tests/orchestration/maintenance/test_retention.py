"""Old logs, results and events are given up; what people did and what was paid stays."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils.timezone import now

from budget.ledger import requests
from budget.models import Category, GatewayRequest
from orchestration import sessions
from orchestration.maintenance import retention
from orchestration.models import Entry, Firing, ForgeDelivery, IntegrationCommit, LogChunk, Round, Session, TreeVerdict
from tests.factories import CLOSED, a_channel, a_session, a_trigger, a_workspace, an_entry, ended
from tests.orchestration.proposals import made
from workspaces.models import Event

pytestmark = pytest.mark.django_db
OLD = now() - timedelta(days=400)
LONG_AGO = now() - timedelta(days=40)


def removed() -> dict[str, int]:
    return {name: count for name, count in retention.remove_old() if count}


def a_round(entry: Entry, *, ended_at: Any) -> Round:
    session = ended(a_session(entry))
    Session.objects.filter(pk=session.pk).update(ended_at=ended_at)
    LogChunk.objects.create(session=session, first_seq=1, lines=[[0, "out", "text"]], size=4)
    Round.objects.filter(session=session).update(prompt="Do it", ended_at=ended_at)
    return Round.objects.get(session=session)


def a_verdict(round_: Round, tree: str, kind: str = "round") -> TreeVerdict:
    return TreeVerdict.objects.create(
        workspace=round_.entry.workspace, tree=tree, checks_hash="h", commit=tree, kind=kind, passed=True, round=round_, at=OLD
    )


def an_event(entry: Entry, verb: str, **more: Any) -> Event:
    return Event.objects.create(
        workspace=entry.workspace,
        object_id=entry.pk,
        verb=verb,
        **{"actor": "muster", "actor_kind": "automation", "at": OLD, **more},
    )


def test_logs_and_prompts_of_old_sessions_go_and_the_rounds_stay() -> None:
    a_round(an_entry(a_workspace()), ended_at=OLD)
    new = a_round(an_entry(a_workspace(name="Second")), ended_at=now())
    assert removed() == {"log_chunks": 1, "prompts": 1}
    assert LogChunk.objects.get().session == new.session
    assert sorted(Round.objects.values_list("prompt", flat=True)) == ["", "Do it"]
    assert removed() == {}


def test_old_requests_of_the_gateway_go_and_unknown_ones_stay() -> None:
    hold = a_session(an_entry(a_workspace())).hold
    assert hold is not None
    access = requests.open_access(hold, role="implement", category=Category.ENTRY, upstreams={}, round_number=1)
    for state in ("settled", "refused", "unknown"):
        GatewayRequest.objects.create(
            access=access, hold=hold, session_ref=hold.session_ref, state=state, gateway="g", bound=0, ended_at=OLD
        )
    assert removed() == {"gateway_requests": 2}
    assert GatewayRequest.objects.get().state == "unknown"


def test_logs_of_old_runs_go_too() -> None:
    run = made.a_running_run(a_workspace(planner=made.PLANNER))
    LogChunk.objects.create(session=run, first_seq=1, lines=[[0, "out", "text"]], size=4)
    assert removed() == {}
    sessions.conclude(run, sessions.Ending(Session.Outcome.CRASHED))
    Session.of_any_role.filter(pk=run.pk).update(ended_at=OLD)
    assert removed() == {"log_chunks": 1}


def test_results_of_what_landed_and_of_entries_at_work_stay() -> None:
    done, open_ = an_entry(a_workspace()), an_entry(a_workspace(name="Second"))
    of_done, of_open = a_round(done, ended_at=now()), a_round(open_, ended_at=now())
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    gone = a_verdict(of_done, "a" * 40)
    landed, tip, waiting = a_verdict(of_done, "b" * 40), a_verdict(of_done, "c" * 40, "tip"), a_verdict(of_open, "d" * 40)
    IntegrationCommit.objects.create(
        workspace=done.workspace, old="0" * 40, new="1" * 40, tree="b" * 40, subject="Merge", state="done"
    )
    with_commit, fresh = a_verdict(of_done, "e" * 40, "landing"), a_verdict(of_done, "f" * 40)
    IntegrationCommit.objects.create(
        workspace=done.workspace, old="1" * 40, new="2" * 40, tree="0" * 40, subject="Merge", state="done", verdict=with_commit
    )
    elsewhere = a_workspace(name="Third")
    IntegrationCommit.objects.create(
        workspace=elsewhere, old="0" * 40, new="1" * 40, tree="a" * 40, subject="Merge", state="done"
    )
    TreeVerdict.objects.filter(pk=fresh.pk).update(at=now() - timedelta(days=settings.KEEP_VERDICTS_DAYS - 1))
    of_landing, of_nothing = a_verdict(of_done, "a" * 40, "landing"), a_verdict(of_open, "a" * 40)
    TreeVerdict.objects.filter(pk=of_nothing.pk).update(round=None)
    of_failed = an_entry(elsewhere)
    failed = a_verdict(a_round(of_failed, ended_at=now()), "a" * 39)
    Entry.objects.filter(pk=of_failed.pk).update(status="failed", reason_code="agent_failed")
    assert removed() == {"verdicts": 4}
    kept = {landed.pk, tip.pk, waiting.pk, with_commit.pk, fresh.pk}
    assert set(TreeVerdict.objects.values_list("pk", flat=True)) == kept
    assert not kept & {gone.pk, of_landing.pk, of_nothing.pk, failed.pk}


def test_what_people_did_and_what_was_paid_stays_in_the_activity_log() -> None:
    entry = an_entry(a_workspace())
    before = set(Event.objects.values_list("pk", flat=True))
    an_event(entry, "entry.blocked")
    kept = [
        an_event(entry, "entry.blocked", actor_kind="human", actor="ana"),
        an_event(entry, "budget.funded"),
        an_event(entry, "entry.blocked", at=LONG_AGO),
    ]
    sent = an_event(entry, "entry.blocked")
    a_channel(entry.workspace).deliveries.create(event=sent)
    kept += [sent, an_event(entry, "workspace.renamed"), an_event(entry, "settings.entry.changed")]
    assert removed() == {"events": 1}
    created = Event.objects.filter(verb__startswith="channel.").values_list("pk", flat=True)
    assert set(Event.objects.values_list("pk", flat=True)) == before | {event.pk for event in kept} | set(created)


@pytest.mark.parametrize("verb", ["entry.blocked", "session.ended", "executor.paused", "locks.freed", "run.ended"])
def test_what_happens_by_the_hundred_goes(verb: str) -> None:
    an_event(an_entry(a_workspace()), verb)
    assert removed() == {"events": 1}


def test_firings_without_an_entry_are_kept_for_thirty_days() -> None:
    workspace = a_workspace()
    trigger = a_trigger(workspace)
    for days in (29, 31):
        at = now() - timedelta(days=days)
        Firing.objects.create(trigger=trigger, key=f"skipped {days}", month="2026-12", skipped="overlap", at=at)
        Firing.objects.create(trigger=trigger, key=f"added {days}", month="2026-12", entry=an_entry(workspace), at=at)
    assert removed() == {"firings": 1}
    assert not Firing.objects.filter(key="skipped 31").exists()


def test_firings_of_issues_are_kept_while_their_labels_may_stand() -> None:
    trigger = a_trigger(a_workspace(), kind="issue", label="muster", schedule="")
    Firing.objects.create(trigger=trigger, key="1", month="2026-01", skipped="open", at=now() - timedelta(days=99))
    assert removed() == {}


def test_webhooks_of_a_forge_are_known_for_thirty_days() -> None:
    workspace = a_workspace()
    for days in (29, 31):
        ForgeDelivery.objects.create(workspace=workspace, key=str(days), event="push", at=now() - timedelta(days=days))
    assert removed() == {"forge_deliveries": 1}
    assert ForgeDelivery.objects.get().key == "29"


def test_rows_are_kept_for_the_days_of_the_settings(settings: Any) -> None:
    settings.KEEP_LOGS_DAYS, settings.KEEP_EVENTS_DAYS = 10, 60
    entry = an_entry(a_workspace())
    a_round(entry, ended_at=now() - timedelta(days=9))
    an_event(entry, "entry.blocked", at=now() - timedelta(days=59))
    assert removed() == {}
    settings.KEEP_LOGS_DAYS, settings.KEEP_EVENTS_DAYS = 8, 58
    assert removed() == {"log_chunks": 1, "prompts": 1, "events": 1}


def test_logs_of_a_session_at_work_stay_whatever_their_age() -> None:
    session = a_session(an_entry(a_workspace()))
    LogChunk.objects.create(session=session, first_seq=1, lines=[[0, "out", "text"]], size=4)
    Session.objects.filter(pk=session.pk).update(started_at=OLD)
    Round.objects.filter(session=session).update(prompt="Do it", started_at=OLD)
    assert removed() == {}


def test_a_pass_leaves_the_rest_when_its_time_is_over() -> None:
    an_event(an_entry(a_workspace()), "session.ended")
    assert dict(retention.remove_old(time.monotonic())) == dict.fromkeys(dict(retention.remove_old(0)), 0)
    assert removed() == {"events": 1}


def test_the_tick_tidies_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    at, until = [1000.0], []
    monkeypatch.setattr(retention, "_done_at", None)
    monkeypatch.setattr(retention.time, "monotonic", lambda: at[0])
    monkeypatch.setattr(retention, "remove_old", lambda end: until.append(end) or iter([]))
    for now_ in (1000.0, 1001.0, 1000.0 + retention.HOUR_S - 1, 1000.0 + retention.HOUR_S, 1001.0 + retention.HOUR_S):
        at[0] = now_
        retention.run_hourly()
    assert until == [1000.0 + retention.MOST_S, 1000.0 + retention.HOUR_S + retention.MOST_S]


@pytest.mark.parametrize("more", [{"actor_kind": "human"}, {"at": now() - timedelta(days=29)}])
def test_the_database_refuses_to_lose_what_a_person_did_and_what_is_new(more: dict[str, Any]) -> None:
    event = an_event(an_entry(a_workspace()), "entry.blocked", **more)
    with pytest.raises(DatabaseError, match="insert-only"), transaction.atomic():
        Event.objects.filter(pk=event.pk).delete()


def test_many_rows_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    entry = an_entry(a_workspace())
    for _ in range(5):
        an_event(entry, "session.ended")
    assert removed() == {"events": 5}
