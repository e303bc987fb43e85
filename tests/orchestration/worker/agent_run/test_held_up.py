"""An agent whose request waits in the gateway: its session shows why, and what ends it meanwhile is no failure of the agent."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now

from budget.ledger import requests
from budget.ledger.requests import FOR_MONEY, FOR_PROVIDER, Bounded
from budget.models import Category, GatewayAccess
from orchestration.configuration import circuit_breaker
from orchestration.configuration.provider_trouble import ModelAccess
from orchestration.models import ProviderBreaker, Session
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.agent_run import meters, usage_listener
from orchestration.worker.agent_run.usage_listener import UsageListener
from tests.factories import a_session, a_workspace, an_entry
from tests.orchestration.worker.agent_run.test_usage_listener import Clock, Scripted
from tests.orchestration.worker.agents.recorded import a_task
from workspaces.secrets.masking import NO_MASK

pytestmark = pytest.mark.django_db(transaction=True)
ITEM = Bounded("anthropic", "claude-sonnet-4-5", 1_000)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (usage_listener, meters):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def session() -> Session:
    return a_session(an_entry(a_workspace(), budget="5"))


@pytest.fixture
def access(session: Session) -> GatewayAccess:
    assert session.hold is not None
    return requests.open_access(session.hold, role="implement", category=Category.ENTRY, upstreams={})


@pytest.fixture
def listener(session: Session, access: GatewayAccess, tmp_path: Path, clock: Clock) -> UsageListener:
    flags, task = StopFlags(session.pk, session.attempt), a_task(tmp_path)
    return UsageListener(session, flags, Scripted(), task, Category.ENTRY, NO_MASK, access=access.pk)


def looks(listener: UsageListener, clock: Any) -> str:
    clock.now += 2
    listener.tick()
    return str(Session.objects.get(pk=listener.session.pk).waiting_for)


def test_its_session_shows_why_until_the_request_is_sent(access: GatewayAccess, listener: UsageListener, clock: Clock) -> None:
    row = requests.wait(access, ITEM, gateway="gate_1", reason=FOR_PROVIDER)
    assert looks(listener, clock) == "it takes no more requests of this key now"
    requests.wait(access, ITEM, gateway="gate_1", reason=FOR_MONEY, waiting_id=row)
    assert looks(listener, clock) == "", "not for its provider"
    requests.send(access, ITEM, gateway="gate_1", waiting_id=row)
    assert looks(listener, clock) == ""


@pytest.mark.parametrize(("reason", "ends_as", "waits"), [(FOR_MONEY, "out_of_money", False), (FOR_PROVIDER, "", True)])
def test_an_agent_that_is_ended_meanwhile_waits_with_its_request(
    reason: str, ends_as: str, waits: bool, access: GatewayAccess, listener: UsageListener, clock: Clock
) -> None:
    requests.wait(access, ITEM, gateway="gate_1", reason=reason)
    looks(listener, clock)
    listener.end(None)
    assert listener.ended_without_money(None) == ends_as
    assert (listener.last_wait is not None) == waits
    assert Session.objects.get(pk=listener.session.pk).waiting_for == ""


@pytest.mark.parametrize(("minutes", "ends"), [(60, True), (-1, False)])
def test_one_whose_provider_the_gateway_asks_no_more_ends_with_its_refusal(
    minutes: int, ends: bool, session: Session, access: GatewayAccess, listener: UsageListener, clock: Clock
) -> None:
    circuit_breaker.refused_at_gateway(session.workspace_id, ModelAccess("command default", "usual"), "quota", "No credit", None)
    ProviderBreaker.objects.update(until=now() + timedelta(minutes=minutes))
    looks(listener, clock)
    assert not listener.reason, "nothing of its own was refused"
    requests.refuse(access, ITEM, gateway="gate_1", reason="the provider answered 429", status=429)
    looks(listener, clock)
    assert (listener.failure and listener.failure.code, listener.reason) == (("quota", "failed") if ends else (None, ""))


def test_a_request_without_money_ends_it(access: GatewayAccess, listener: UsageListener, clock: Clock) -> None:
    requests.refuse(access, ITEM, gateway="gate_1", reason="there is no money for it", status=402)
    looks(listener, clock)
    assert listener.reason == "out_of_money"


def test_a_provider_that_breaks_off_answers_ends_it_as_its_trouble(
    access: GatewayAccess, listener: UsageListener, clock: Clock
) -> None:
    requests.refuse(access, ITEM, gateway="gate_1", reason=requests.BROKEN, status=503)
    looks(listener, clock)
    assert listener.reason == "failed" and listener.failure is not None and listener.failure.kind.cause == "provider"
