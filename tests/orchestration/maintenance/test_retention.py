"""What the database gives up after some time, and what it keeps for good."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils.timezone import now

from orchestration.maintenance import retention
from orchestration.models import Entry, IntegrationCommit, LogChunk, Round, Session, TreeVerdict
from tests.factories import CLOSED, a_session, a_workspace, an_entry, ended
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


def test_results_of_what_landed_and_of_entries_at_work_stay() -> None:
    done, open_ = an_entry(a_workspace()), an_entry(a_workspace(name="Second"))
    of_done, of_open = a_round(done, ended_at=now()), a_round(open_, ended_at=now())
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    gone = a_verdict(of_done, "a" * 40)
    landed, tip, waiting = a_verdict(of_done, "b" * 40), a_verdict(of_done, "c" * 40, "tip"), a_verdict(of_open, "d" * 40)
    IntegrationCommit.objects.create(
        workspace=done.workspace, old="0" * 40, new="1" * 40, tree="b" * 40, subject="Merge", state="done"
    )
    assert removed() == {"verdicts": 1}
    assert set(TreeVerdict.objects.values_list("pk", flat=True)) == {landed.pk, tip.pk, waiting.pk}
    assert not TreeVerdict.objects.filter(pk=gone.pk).exists()


def test_what_people_did_and_what_was_paid_stays_in_the_activity_log() -> None:
    entry = an_entry(a_workspace())
    before = set(Event.objects.values_list("pk", flat=True))
    an_event(entry, "entry.blocked")
    kept = [
        an_event(entry, "entry.blocked", actor_kind="human", actor="ana"),
        an_event(entry, "budget.funded"),
        an_event(entry, "entry.blocked", at=LONG_AGO),
    ]
    assert removed() == {"events": 1}
    assert set(Event.objects.values_list("pk", flat=True)) == before | {event.pk for event in kept}


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
