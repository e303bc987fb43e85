"""A session that has ended is one trace at the collector: agent, phases, checks and the wait for its landing."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.utils.timezone import now

from budget import ledger
from budget.amounts import usd
from budget.ledger import requests
from budget.ledger.prices import Tokens
from budget.models import Category, LedgerEntry
from orchestration import sessions
from orchestration.models import Landing, Round, Session
from orchestration.sessions import tracing
from orchestration.sessions.tracing import exporter, spans
from tests.factories import a_session, a_workspace, an_entry, ended
from tests.orchestration.sessions.collector import Collector, collector

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def received(settings) -> Iterator[Collector]:  # type: ignore[no-untyped-def]
    with collector() as kept:
        settings.OTLP_ENDPOINT = kept.endpoint
        yield kept
        exporter.flush()


@pytest.fixture
def session() -> Session:
    return a_session(an_entry(a_workspace(), files=["a.py"]))


def read(received: Collector) -> Collector:
    exporter.flush()
    return received


def test_a_session_is_one_trace_whose_root_is_the_agent(received: Collector, session: Session) -> None:
    sessions.write(session, agent="codex", model="gpt-5")
    ended(session)
    root = read(received).named("invoke_agent codex")
    assert {span.trace for span in received.spans} == {tracing.trace_id(session.pk)} and root.parent == b""
    assert root.service == "muster" and root.error == ""
    assert root.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert (root.attributes["gen_ai.agent.name"], root.attributes["gen_ai.request.model"]) == ("codex", "gpt-5")
    shown = {name: root.attributes[f"muster.{name}"] for name in ("workspace", "entry", "round", "outcome")}
    assert shown == {"workspace": session.workspace_id, "entry": session.entry_id, "round": 1, "outcome": "failed"}


def test_its_usage_and_cost_are_those_of_the_ledger(received: Collector, session: Session) -> None:
    tokens = {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 30, "cache_write_tokens": 4}
    charge = ledger.Charge("key", usd("0.25"), LedgerEntry.PriceSource.REPORTED, **tokens)
    account = session.entry.account
    ledger.charge(
        account.project,
        charge,
        account=account,
        reservation=session.hold,
        session_ref=session.pk,
        round_number=1,
        actor="agent",
    )
    ended(session)
    attributes = read(received).named("invoke_agent command").attributes
    assert attributes["muster.cost_usd"] == 0.25
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (134, 20)
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 30


def test_phases_and_checks_are_below_it(received: Collector, session: Session) -> None:
    for phase in (Session.Phase.IMPLEMENTATION, Session.Phase.VERIFICATION):
        sessions.enter(session, phase)
    checks = [{"name": "unit", "seconds": 0.001, "passed": True, "score": 1.0}, {"name": "lint", "seconds": 9e9, "passed": False}]
    Round.objects.filter(session=session).update(checks=checks)
    sessions.conclude(session, sessions.Ending(Session.Outcome.STOPPED))
    root, agent, verification = (
        read(received).named(name) for name in ("invoke_agent command", "implementation", "verification")
    )
    unit, lint = received.named("check unit"), received.named("check lint")
    assert agent.parent == verification.parent == root.id and unit.parent == lint.parent == verification.id
    assert root.start <= agent.start <= agent.end <= verification.start <= unit.end <= lint.start <= lint.end <= root.end
    assert unit.attributes["muster.check.passed"] is True and lint.attributes["muster.check.passed"] is False


def test_a_lost_worker_is_an_error(received: Collector, session: Session) -> None:
    sessions.conclude(session, sessions.Ending(Session.Outcome.LOST, "Its worker was lost"))
    root = read(received).named("invoke_agent command")
    assert root.error == "Its worker was lost" and root.attributes["error.type"] == "lost"


def test_a_landing_is_added_to_the_trace_of_its_session(received: Collector, session: Session) -> None:
    ended(session)
    row = Round.objects.get(session=session)
    landing = Landing.objects.create(
        workspace=session.workspace, entry=session.entry, round=row, commit="a" * 40, state="landed", ended_at=now()
    )
    tracing.landed(landing.pk)
    span = read(received).named("landing")
    assert span.trace == tracing.trace_id(session.pk) and span.parent == received.named("invoke_agent command").id


def test_what_is_rolled_back_is_not_sent(received: Collector, session: Session) -> None:
    with transaction.atomic():
        ended(session)
        transaction.set_rollback(True)
    assert read(received).spans == []


def test_a_collector_that_is_away_delays_no_session(settings, session: Session) -> None:  # type: ignore[no-untyped-def]
    with collector(status=400) as refusing:
        settings.OTLP_ENDPOINT = refusing.endpoint
        ended(session)
        assert Session.objects.get(pk=session.pk).status == "ended"
        exporter.flush()


def test_nothing_is_sent_unless_an_endpoint_is_set(settings, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    settings.OTLP_ENDPOINT = ""
    monkeypatch.setattr(exporter, "send", lambda work: pytest.fail("sent"))
    ended(session)


def test_the_page_links_to_the_trace(settings, session: Session, admin_client: Client) -> None:  # type: ignore[no-untyped-def]
    page = f"/w/{session.workspace_id}/sessions/{session.pk}/"
    trace, settings.OTLP_ENDPOINT = tracing.trace_id(session.pk), ""
    assert trace not in admin_client.get(page).content.decode()
    settings.OTLP_ENDPOINT, settings.TRACE_URL = "http://127.0.0.1:4318", "https://traces.example.com/trace/{trace_id}"
    assert f'href="https://traces.example.com/trace/{trace}"' in admin_client.get(page).content.decode()


def test_a_clock_that_went_back_makes_no_span_end_before_it_starts(session: Session) -> None:
    Session.of_any_role.filter(pk=session.pk).update(
        status="ended",
        ended_by_version="0.2.0",
        outcome="lost",
        ended_at=now(),
        phases=[["starting", (now() + timedelta(hours=1)).isoformat()]],
    )
    assert all(span.start <= span.end for span in spans.of_session(session.pk))


def test_each_request_through_the_gateway_is_a_span(received: Collector, session: Session) -> None:
    assert session.hold is not None
    access = requests.open_access(session.hold, role="implement", category=Category.ENTRY, upstreams={})
    bounded = [requests.Bounded("gemini", "gemini-2.5-pro", usd("0.01"), output_limit=500) for _ in range(2)]
    paid, lost = (requests.send(access, each, gateway="gate_1") for each in bounded)
    requests.settle(paid, requests.Counted(usd("0.002"), Tokens("gemini-2.5-pro", 90, 7, cache_read=10), "v", status=200))
    requests.settle(lost, requests.Counted(0, Tokens(""), "", unknown="its answer was cut off", status=200))
    ended(session)
    first, second = (span for span in read(received).spans if span.name == "chat gemini-2.5-pro")
    assert first.parent in {span.id for span in received.spans}
    shown = {name: first.attributes[f"gen_ai.usage.{name}_tokens"] for name in ("input", "output", "cache_read.input")}
    assert shown == {"input": 100, "output": 7, "cache_read.input": 10}
    assert (first.attributes["gen_ai.provider.name"], first.attributes["muster.cost_usd"]) == ("gcp.gemini", 0.002)
    assert (second.error, second.attributes["error.type"]) == ("its answer was cut off", "unknown")
