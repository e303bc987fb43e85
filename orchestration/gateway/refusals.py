"""The gateway's own refusals, in the API's error format, and those of providers. A circuit breaker's row reports a provider's refusal to all processes."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from budget.models import GatewayRequest
from orchestration.configuration import circuit_breaker
from orchestration.configuration.provider_trouble import ALL_MODELS, ModelAccess
from orchestration.facts import failures
from orchestration.gateway import accesses, database, keys
from orchestration.gateway.accesses import Permitted
from orchestration.gateway.keys import Upstream
from orchestration.gateway.pacing import RateLimiter
from orchestration.models import ProviderBreaker, Session
from orchestration.protocols.shared.interface import ProviderProtocol, Refused

log = structlog.get_logger(__name__)

NO_MONEY = "There is no money for this request: Muster ends the session and keeps its work"
MARK = "muster_no_money"
LOOK_EVERY_S = 1.0
"""The interval at which a waiting request looks for a person's retry. Its rules are cached for two seconds."""
PROBE_EVERY_S = 10.0
"""The interval at which a process looks for refused keys that are due for a probe."""
MAX_TEXT = 2_000
_ANSWERS = {
    "auth": (401, "authentication_error"),
    "quota": (429, "insufficient_quota"),
    "rate_limited": (429, "rate_limit_error"),
}


def error(protocol: ProviderProtocol | None, status: int, code: str, sentence: str) -> web.Response:
    """An error in the API's format; without a protocol, in OpenAI's."""
    if protocol is None:
        return web.json_response({"error": {"type": code, "message": sentence}}, status=status)
    return web.Response(body=protocol.error(status, code, sentence), status=status, content_type="application/json")


def out_of_money(protocol: ProviderProtocol, agent: str) -> web.Response:
    """The answer 402. Codex repeats that, and stops at once at `insufficient_quota`."""
    if agent == "codex":
        return error(protocol, 429, "insufficient_quota", f"{NO_MONEY} ({MARK})")
    return error(protocol, 402, "billing_error", f"{NO_MONEY} ({MARK})")


def unavailable(status: int, code: str, sentence: str) -> Refused:
    """A refusal in the provider's stead. Some programs pass on the sentence alone, so it has the status too. It names no credential: ANTHROPIC_API_KEY in it had
    been read as a refused key."""
    return Refused(status, code, f"{sentence} (status {status}, {code})")


async def record(
    permitted: Permitted, upstream: Upstream, limiter: RateLimiter, model: str, status: int, body: bytes, may_wait_s: float
) -> bool:
    """Report a refusal to its breaker. True: the request waits here and is sent again."""
    text = body[:MAX_TEXT].decode(errors="replace")
    code = failures.from_status(status, text) if status >= 400 and MARK not in text else ""
    wait_s = limiter.closed_for()
    is_short = upstream.patience_s is None or wait_s <= upstream.patience_s
    if code == "rate_limited" and status == 429 and is_short:
        return wait_s < may_wait_s
    if code in circuit_breaker.GATEWAY_CODES and (code != "rate_limited" or status == 429):
        retry_at = time.time() + wait_s if code == "rate_limited" else None
        await report(permitted, upstream, model, code, _message(text) or f"The provider answered {status}", retry_at)
    return False


async def check(permitted: Permitted, upstream: Upstream, protocol: ProviderProtocol, limiter: RateLimiter, model: str) -> None:
    """Raises Refused while a breaker of this credential is open: one gateway probes a refused key, none else uses it."""
    rules = await accesses.rules_cache.get(permitted.workspace_id)
    _try_again(limiter, rules.retried_at(upstream.credential))
    rows = rules.open_breakers(upstream.credential)
    if not rows:
        return
    concerned = {ALL_MODELS, (await database.run(partial(_access, permitted, upstream, model))).family}
    if row := next((row for row in rows if row.family in concerned), None):
        status, type_ = _ANSWERS[row.code]
        seconds = math.ceil(row.until.timestamp() - time.time()) if row.until else 0
        raise unavailable(status, type_, f"{row.message}. Muster asks again in {seconds} s, or when a person says so")


@asynccontextmanager
async def watching(permitted: Permitted, upstream: Upstream, limiter: RateLimiter, model: str) -> AsyncIterator[None]:
    """Poll while a request waits: for a person's retry, and for the end of its agent's patience where a fallback is free."""
    task = asyncio.create_task(_watch(permitted, upstream, limiter, model))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(permitted: Permitted, upstream: Upstream, limiter: RateLimiter, model: str) -> None:
    began = time.monotonic()
    has_reported = upstream.patience_s is None
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        with suppress(database.Unavailable):
            rules = await accesses.rules_cache.get(permitted.workspace_id)
            _try_again(limiter, rules.retried_at(upstream.credential))
            if not has_reported and time.monotonic() - began > (upstream.patience_s or 0):
                has_reported = True
                if await database.run(partial(_has_fallback, permitted)):
                    sentence = "It takes no more requests now"
                    await report(permitted, upstream, model, "rate_limited", sentence, time.time() + limiter.closed_for())


def _try_again(limiter: RateLimiter, retried_at: datetime | None) -> None:
    if retried_at is not None and retried_at != limiter.retried_at:
        limiter.retried_at = retried_at
        limiter.reopen()


async def report(permitted: Permitted, upstream: Upstream, model: str, code: str, message: str, retry_at: float | None) -> None:
    log.warning("gateway.provider_refused", credential=upstream.credential, code=code, retry_at=retry_at)

    def open_breaker() -> None:
        access = _access(permitted, upstream, model)
        has_key = upstream.key is not None
        circuit_breaker.refused_at_gateway(permitted.workspace_id, access, code, message, retry_at, can_probe=has_key)

    try:
        await database.run(open_breaker)
        await accesses.rules_cache.get(permitted.workspace_id, now=True)
    except database.Unavailable:
        database.defer(open_breaker)


async def probe_refused_keys(probe: Callable[[Upstream], Awaitable[int]]) -> None:
    """Probe refused keys, as long as this process lives. `probe` returns an HTTP status, or 0 without an answer."""
    while True:
        await asyncio.sleep(PROBE_EVERY_S)
        with suppress(database.Unavailable):
            for row in await database.run(circuit_breaker.due_probes):
                try:
                    await _probe(row, probe)
                except Exception:
                    log.exception("gateway.not_asked_again", credential=row.credential)


async def _probe(row: ProviderBreaker, probe: Callable[[Upstream], Awaitable[int]]) -> None:
    """Probe one key, from one process. A status that does not concern the key leaves the probe to sessions. An unreachable server is probed again."""
    try:
        place = await database.run(lambda: _place(row))
        upstream = await keys.upstream(row.workspace_id, *place) if place else None
    except (keys.NoKey, Refused):
        upstream = None
    if not await database.run(partial(circuit_breaker.claim_probe, row)):
        return
    status = await probe(upstream) if upstream is not None and upstream.key else 404
    log.info("gateway.asked_about_key", credential=row.credential, status=status)
    if status in (401, 403, 429) or status >= 500 or not status:
        return
    await database.run(partial(circuit_breaker.leave_to_sessions, row))
    await accesses.rules_cache.get(row.workspace_id, now=True)


def _place(row: ProviderBreaker) -> tuple[str, dict[str, Any]] | None:
    """The API and the upstream of the newest refused request with this key."""
    refused = GatewayRequest.objects.filter(hold__project_id=row.workspace_id, credential=row.credential, status__in=(401, 403))
    request = refused.select_related("access").order_by("-pk").first()
    return None if request is None else (request.api, request.access.upstreams[request.api])


def _access(permitted: Permitted, upstream: Upstream, model: str) -> ModelAccess:
    access = permitted.access
    return circuit_breaker.process_access(permitted.workspace_id, access.session_ref, access.role, upstream.credential, model)


def _has_fallback(permitted: Permitted) -> bool:
    session = Session.objects.select_related("workspace__executor").filter(pk=permitted.access.session_ref).first()
    return session is not None and circuit_breaker.has_free_fallback(session)


def _message(text: str) -> str:
    """The message in an error's body, in all four APIs' format; else its beginning."""
    try:
        error = json.loads(text).get("error")
    except (ValueError, AttributeError):
        return text[:300].strip()
    message = error.get("message") if isinstance(error, dict) else error
    return message[:300].rstrip(". ") if isinstance(message, str) else ""
