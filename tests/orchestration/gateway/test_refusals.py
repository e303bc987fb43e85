"""A provider that refuses: who is asked again, by whom, and who goes on."""

import asyncio
import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from django.utils.timezone import now

from budget.models import GatewayAccess, GatewayRequest
from orchestration.configuration import circuit_breaker, secrets
from orchestration.facts import failures
from orchestration.gateway import accesses, forwarding, pacing, refusals
from orchestration.models import ProviderBreaker
from tests.factories import ANA, a_session, a_workspace, an_entry
from tests.orchestration.gateway.stage import ANSWER, KEY, Provider, Stage, an_access, play, token

pytestmark = pytest.mark.django_db(transaction=True)


def refusal(status: int, type_: str, message: str, **headers: str) -> web.Response:
    body = json.dumps({"type": "error", "error": {"type": type_, "message": message}}).encode()
    return web.Response(status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


LIMITED = refusal(429, "rate_limit_error", "Come back", retry_after="600")
CASES: list[tuple[web.Response, str]] = [
    (refusal(429, "insufficient_quota", "You exceeded your current quota"), "quota"),
    (refusal(400, "invalid_request_error", "Your credit balance is too low"), "quota"),
    (refusal(402, "billing_error", "Payment required"), "quota"),
    (refusal(401, "authentication_error", "invalid x-api-key"), "auth"),
    (LIMITED, "rate_limited"),
]


def a_session_access(patience_s: float = 180, **config: Any) -> GatewayAccess:
    """The access of a session whose agent waits so long for its provider."""
    session = a_session(an_entry(a_workspace(**config), budget="5"))
    access = an_access(hold=session.hold)
    for upstream in access.upstreams.values():
        upstream |= {"credential": "command default", "patience_s": patience_s}
    access.save(update_fields=["upstreams"])
    return access


@pytest.mark.parametrize(("answer", "code"), CASES)
def test_a_provider_that_stays_shut_is_asked_once_and_its_answer_is_passed_on(answer: web.Response, code: str) -> None:
    access, provider = a_session_access(), Provider([answer])

    async def steps(stage: Stage) -> None:
        assert await stage.ask(token(access)) == (answer.status, answer.body)
        for _ in range(5):
            status, body = await stage.ask(token(access))
            assert status in (401, 429) and b"when a person says so" in body
        breaker = await asyncio.to_thread(ProviderBreaker.objects.get)
        assert (breaker.credential, breaker.code) == ("command default", code)
        await asyncio.to_thread(circuit_breaker.try_again, access.hold.project_id, by=ANA)
        accesses.rules_cache.clear()
        provider.script = [ANSWER]
        assert await stage.ask(token(access)) == (200, ANSWER)

    play(steps, provider)
    assert len(provider.seen) == 2


def test_another_gateway_does_not_ask_either() -> None:
    access, provider = a_session_access(), Provider([CASES[0][0]])

    async def steps(stage: Stage) -> None:
        await stage.ask(token(access))
        accesses.rules_cache.clear()
        pacing._limiters.clear()  # what this process alone knows
        assert (await stage.ask(token(access)))[0] == 429

    play(steps, provider)
    assert len(provider.seen) == 1


def test_a_refusal_that_is_over_before_its_agents_patience_is_waited_for() -> None:
    access, provider = a_session_access(5), Provider([refusal(429, "rate_limit_error", "A moment", retry_after="0.2"), ANSWER])

    async def steps(stage: Stage) -> None:
        assert await stage.ask(token(access)) == (200, ANSWER)

    play(steps, provider)
    assert not ProviderBreaker.objects.exists()


def test_muster_behind_muster_takes_no_money_for_no_trouble_of_the_provider() -> None:
    access = a_session_access()
    provider = Provider([refusal(402, "billing_error", f"No money ({refusals.MARK})")])

    async def steps(stage: Stage) -> None:
        for _ in range(2):
            await stage.ask(token(access))

    play(steps, provider)
    assert len(provider.seen) == 2 and not ProviderBreaker.objects.exists()


@pytest.mark.parametrize("has_fallback", [True, False])
def test_a_request_that_waits_longer_than_its_agents_patience_leaves_for_a_fallback_alone(
    has_fallback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "LOOK_EVERY_S", 0.05)
    config: dict[str, Any] = {"agents": {"spare": {"command": "false"}}} if has_fallback else {}
    access = a_session_access(1.0, agent={"command": "true", **({"fallback": ["spare"]} if has_fallback else {})}, **config)
    provider = Provider([refusal(429, "rate_limit_error", "A moment", retry_after="0.9")])

    async def steps(stage: Stage) -> None:
        request = asyncio.create_task(stage.ask(token(access)))
        try:
            async with asyncio.timeout(60):
                while len(provider.seen) < 4 and not await asyncio.to_thread(ProviderBreaker.objects.exists):
                    await asyncio.sleep(0.05)
        finally:
            request.cancel()

    play(steps, provider)
    assert ProviderBreaker.objects.filter(code="rate_limited").exists() is has_fallback


def test_a_person_ends_the_wait_of_one_request_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "LOOK_EVERY_S", 0.05)
    access, provider = a_session_access(1_000), Provider([refusal(429, "rate_limit_error", "Later", retry_after="300"), ANSWER])

    async def steps(stage: Stage) -> None:
        request = asyncio.create_task(stage.ask(token(access)))
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(GatewayRequest.objects.filter(state="waiting").exists):
                await asyncio.sleep(0.05)
        await asyncio.to_thread(circuit_breaker.try_again, access.hold.project_id, by=ANA, credential="command default")
        async with asyncio.timeout(60):
            assert await request == (200, ANSWER)

    play(steps, provider)


def test_a_breaker_that_is_half_open_lets_requests_pass() -> None:
    access = a_session_access()
    over = {"credential": "command default", "code": "quota", "until": now() - timedelta(seconds=1)}
    ProviderBreaker.objects.create(workspace_id=access.hold.project_id, **over)

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access)))[0] == 200

    play(steps)


@pytest.mark.parametrize(
    ("status", "is_shut", "asked_by"),
    [(401, True, "gateway"), (503, True, "gateway"), (200, False, "session"), (404, False, "session")],
)
def test_one_gateway_asks_about_a_refused_key_before_a_session_may(
    status: int, is_shut: bool, asked_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "PROBE_EVERY_S", 0.05)
    access, provider = a_session_access(), Provider([refusal(401, "authentication_error", "No"), web.Response(status=status)])
    rows = ProviderBreaker.objects.filter(credential="command default")

    async def steps(stage: Stage) -> None:
        await stage.ask(token(access))
        assert await asyncio.to_thread(rows.filter(until__gt=now() + timedelta(minutes=10)).exists)
        await asyncio.to_thread(rows.update, until=now() + timedelta(seconds=30))
        others = [asyncio.create_task(refusals.probe_refused_keys(partial(forwarding.probe, stage.client))) for _ in range(3)]
        async with asyncio.timeout(60):
            row = await asyncio.to_thread(rows.get)
            while len(provider.seen) < 2 or (row.until > now() + timedelta(minutes=1), row.asked_by) != (is_shut, asked_by):
                await asyncio.sleep(0.02)
                row = await asyncio.to_thread(rows.get)
        for task in others:
            task.cancel()

    play(steps, provider)
    assert [(request.method, request.path) for request in provider.seen] == [("POST", "/v1/messages"), ("GET", "/v1/models")]
    assert provider.seen[1].headers["x-api-key"] == KEY


def test_a_key_that_the_gateway_found_open_and_is_refused_again_is_left_to_sessions() -> None:
    access, provider = a_session_access(), Provider([refusal(401, "authentication_error", "No")])
    over = {"credential": "command default", "code": "auth", "asked_by": "session", "until": now() - timedelta(seconds=1)}
    row = ProviderBreaker.objects.create(workspace_id=access.hold.project_id, **over)

    async def steps(stage: Stage) -> None:
        await stage.ask(token(access))

    play(steps, provider)
    assert circuit_breaker.due_probes() == [] and not circuit_breaker.claim_probe(row)


def test_a_changed_secret_lets_a_session_try_and_its_refusal_is_the_gateways_again() -> None:
    access, provider = a_session_access(), Provider([refusal(401, "authentication_error", "No")])

    async def steps(stage: Stage) -> None:
        for _ in range(2):
            await stage.ask(token(access))
            row = await asyncio.to_thread(ProviderBreaker.objects.get)
            assert row.asked_by == "gateway" and row.until > now() + timedelta(minutes=9)
            await asyncio.to_thread(secrets.put, access.hold.project_id, "ANTHROPIC_API_KEY", "sk-next", by=ANA)
            assert not await asyncio.to_thread(circuit_breaker.claim_probe, row)
            accesses.rules_cache.clear()

    play(steps, provider)
    assert ProviderBreaker.objects.get().until <= now()


@pytest.mark.parametrize(("code", "answer"), [*refusals._ANSWERS.items(), ("overloaded", (503, "overloaded_error"))])
@pytest.mark.parametrize("message", ["Rate limit reached for API key sk-1", "Too many", "The model is not found"])
def test_a_program_that_passes_on_the_sentence_alone_passes_on_its_meaning(
    code: str, answer: tuple[int, str], message: str
) -> None:
    assert failures.from_text(f"AI_APICallError: {refusals.unavailable(*answer, message).sentence}") == code
