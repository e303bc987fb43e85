"""A trace consists of spans from the rows of a session, a run and a landing."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from orchestration import sessions
from orchestration.models import Landing, Round, Session
from orchestration.sessions.tracing import exporter, spans, trace_id
from tests.factories import a_charge, a_session, a_workspace, an_entry, ended
from tests.orchestration.proposals import made

pytestmark = pytest.mark.django_db
NINE = datetime(2026, 11, 25, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def over(session: Session, **fields: Any) -> Session:
    """Ended, from nine o'clock to ten past, with these columns."""
    ended(session)
    times = {"claimed_at": at(0), "started_at": at(1), "ended_at": at(10)}
    Session.of_any_role.filter(pk=session.pk).update(**times, **fields)
    return session


def test_a_root_lasts_from_the_claim_to_the_end_and_has_what_is_zero_but_not_what_is_empty() -> None:
    session = over(a_session(an_entry(a_workspace())), model="", host="", phases=[])
    other = over(a_session(an_entry(session.workspace)))
    a_charge(other.entry, "5")
    [root] = spans.of_session(session.pk)
    assert (root.name, root.start, root.end, root.parent_id, root.error) == ("invoke_agent command", at(0), at(10), 0, "")
    assert f"{root.trace_id:032x}" == trace_id(session.pk) != trace_id(other.pk)
    assert root.attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "command",
        "gen_ai.conversation.id": session.entry_id,
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.cache_creation.input_tokens": 0,
        "gen_ai.usage.output_tokens": 0,
        "muster.session": session.pk,
        "muster.workspace": session.workspace_id,
        "muster.entry": session.entry_id,
        "muster.role": "implement",
        "muster.round": 1,
        "muster.attempt": 1,
        "muster.outcome": "failed",
        "muster.cost_usd": 0.0,
    }


@pytest.mark.parametrize(
    ("outcome", "failure", "message", "kind", "error"),
    [
        ("crashed", "auth", "It could not log in", "auth", "It could not log in"),
        ("lost", "", "", "lost", "lost"),
        ("unavailable", "", "No answer", "unavailable", "No answer"),
        ("timed_out", "", "Too long", "timed_out", "Too long"),
        ("stopped", "", "Stopped by ana", None, ""),
        ("out_of_money", "", "Used up", None, ""),
    ],
)
def test_what_broke_is_an_error_by_the_name_of_its_failure(
    outcome: str, failure: str, message: str, kind: str | None, error: str
) -> None:
    session = over(a_session(an_entry(a_workspace())))
    Session.objects.filter(pk=session.pk).update(outcome=outcome, failure=failure, outcome_message=message)
    root = spans.of_session(session.pk)[0]
    assert (root.attributes.get("error.type"), root.error) == (kind, error)


def test_the_checks_are_those_of_the_last_verification_and_end_with_it() -> None:
    steps = [("starting", 1), ("verification", 2), ("implementation", 3), ("waiting", 4), ("verification", 6), ("merging", 8)]
    session = over(a_session(an_entry(a_workspace())), phases=[[phase, at(n).isoformat()] for phase, n in steps])
    checks = [{"name": "unit", "seconds": 60, "passed": True, "score": 0.5}, {"seconds": 6000}, {"name": "last"}]
    Round.objects.filter(session=session).update(checks=checks)
    root, *others = spans.of_session(session.pk)
    shown = [(span.name, span.start, span.end, dict(span.attributes)) for span in others]
    outcome = {"muster.check.passed": False, "muster.check.score": 0.0}
    assert shown == [
        ("starting", at(1), at(2), {}),
        ("verification", at(2), at(3), {}),
        ("implementation", at(3), at(4), {}),
        ("waiting", at(4), at(6), {"muster.phase": "implementation"}),
        ("verification", at(6), at(8), {}),
        ("merging", at(8), at(10), {}),
        ("check unit", at(6), at(7), {"muster.check.passed": True, "muster.check.score": 0.5}),
        ("check 1", at(7), at(8), outcome),
        ("check last", at(8), at(8), outcome),
    ]
    assert {span.parent_id for span in others[:6]} == {root.span_id} and {span.parent_id for span in others[6:]} == {
        others[4].span_id
    }
    assert len({span.span_id for span in (root, *others)}) == 10


def test_a_run_has_a_trace_without_an_entry_and_what_is_at_work_has_none() -> None:
    run = made.a_running_run(a_workspace(planner=made.PLANNER))
    assert spans.of_session(run.pk) == spans.of_session("sess_none") == []
    sessions.conclude(run, sessions.Ending(Session.Outcome.PASSED))
    root = spans.of_session(run.pk)[0]
    assert (root.attributes["muster.role"], root.attributes["gen_ai.conversation.id"]) == ("plan", run.pk)
    assert "muster.entry" not in root.attributes


def test_a_landing_lasts_from_its_place_in_the_queue_to_its_end() -> None:
    session = over(a_session(an_entry(a_workspace())))
    row = Round.objects.get(session=session)
    landing = Landing.objects.create(
        workspace=session.workspace, entry=session.entry, round=row, commit="a" * 40, state="landed", ended_at=at(20)
    )
    Landing.objects.filter(pk=landing.pk).update(queued_at=at(10))
    [span] = spans.of_landing(landing.pk)
    assert (span.name, span.start, span.end, span.parent_id) == (
        "landing",
        at(10),
        at(20),
        spans.of_session(session.pk)[0].span_id,
    )
    assert span.attributes == {"muster.landing.state": "landed", "muster.commit": "a" * 40}
    for change in ({"round": None}, {"ended_at": None, "state": "queued"}):
        Landing.objects.filter(pk=landing.pk).update(**change)
        assert spans.of_landing(landing.pk) == []


def test_work_that_fails_is_dropped_and_what_follows_is_sent(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.OTLP_ENDPOINT = "http://collector"
    sent = []
    monkeypatch.setattr(
        exporter, "_processor", lambda endpoint: SimpleNamespace(on_end=lambda span: sent.append((endpoint, span)))
    )
    monkeypatch.setattr(exporter, "_readable", lambda span: span)

    def fail() -> Any:
        raise ValueError("no such row")

    with capture_logs() as logs:
        for work in (fail, list, lambda: ["first"]):
            exporter.send(work)  # type: ignore[arg-type]
    assert sent == [("http://collector", "first")] and [line["event"] for line in logs] == ["trace.not_sent"]
