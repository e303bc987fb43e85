"""Circuit breakers for providers, one per credential and model family. An entry backs off at its first refusal; several in a row open the breaker for all
agents of the credential and family.

Breakers are rows. After its back-off a breaker is half-open: one session tries, and its first response closes the breaker. A row without a code counts
refusals, or records a person's retry (`since`): gateways are other processes, and then send one request.

The gateway probes a key refused there, by a free request for the list of models, before the back-off ends. Sessions had tried it, one start each 10 minutes.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from budget.ledger import requests
from orchestration import configuration
from orchestration.configuration import entry_routes, model_access
from orchestration.configuration.config.agents import Agent
from orchestration.configuration.config.workspace import Config
from orchestration.configuration.provider_trouble import ALL_MODELS, ModelAccess, Reviewer, Trouble, reviewer
from orchestration.facts import events, waits
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, ProviderBreaker, Secret, Session
from workspaces import activity
from workspaces.access import MUSTER, Caller
from workspaces.errors import NotFound

OPEN_AFTER = 3  # failures in a row: the entry is not the cause
AskedBy = ProviderBreaker.AskedBy
GATEWAY_CODES = ("auth", "quota", "rate_limited")
"""Codes of the gateway's own breakers. It sends nothing while one is open."""


def wait_s(times: int) -> float:
    """The back-off after so many refusals in a row, in seconds: 5, 10, 20, up to 300."""
    return min(waits.FIRST_BREAK_S * 2.0 ** min(max(times - 1, 0), 20), waits.MOST_BREAK_S)


def access_of(session: Session, config: Config, of: Reviewer) -> tuple[Agent, ModelAccess]:
    """The agent of a session or its reviewer, and the access. The config is the session's own."""
    part = {"interceptor": config.interceptor, "verifier": config.verifier}.get(of)
    if part is None:
        agent = config.agent_of(session.role) or config.agent
        if session.credential:
            return agent, ModelAccess(session.credential, session.model_family)
        proposer, secrets = config.proposers.get(session.role), secret_names(session.workspace_id)
        if proposer is not None:
            return agent, model_access.of_role(proposer, session.role, config, secrets)
        name = session.agent_name if session.role == Session.Role.IMPLEMENT else session.role
        return agent, model_access.of_agent(agent, name, config, secrets)
    return part.acting_agent, model_access.of_role(part, of, config, secret_names(session.workspace_id))


def secret_names(workspace_id: str) -> set[str]:
    return set(Secret.objects.filter(workspace_id=workspace_id).values_list("name", flat=True))


def provider_unavailable(executor: Executor, session: Session, trouble: Trouble) -> None:
    """Count a failure; without a fallback, and for a provider's trouble, also delay the entry's next session (`not_before`). The breaker opens at once
    for trouble of the setup, at a stated reset, and with a fallback. In the transaction of the session's end, with the executor's row locked."""
    config = configuration.load(executor.config)
    agent, access = access_of(session, config.with_agent(session.agent_name), trouble.of)
    has_other = not trouble.of and len(config.chain(session.agent_name)) > 1
    closed = model_access.closed_access(trouble.code, access, agent)
    row, _ = ProviderBreaker.objects.get_or_create(workspace_id=executor.pk, credential=closed.credential, family=closed.family)
    times = row.count + (not _began_before(session, row))
    ProviderBreaker.objects.filter(pk=row.pk).update(count=times)
    if trouble.cause == "provider" and not has_other:
        entry = Entry.objects.get(pk=session.entry_id)
        pause = _pause(trouble, entry.provider_waits + 1)
        Entry.objects.filter(pk=entry.pk).update(not_before=Now() + pause, provider_waits=F("provider_waits") + 1)
        if times < OPEN_AFTER and _requested_s(trouble) <= 0:
            return
    opens_at_once = trouble.cause == "setup" or has_other
    pause = _pause(trouble, times if opens_at_once else times - OPEN_AFTER + 1)
    if row.code and row.until and row.until > datetime.now(UTC) + pause:
        return  # a later reset is known: this refusal may be older
    ProviderBreaker.objects.filter(pk=row.pk).update(
        code=trouble.code,
        message=trouble.message[:500],
        since=F("since") if row.code else Now(),
        until=Now() + pause,
    )
    if not row.code:
        event = events.AgentUnavailable(code=trouble.code, credential=closed.credential, family=closed.family)
        activity.record(executor.pk, event, by=MUSTER, object_id=executor.pk, reason=trouble.message[:500])


def process_access(workspace_id: str, session_ref: str, role: str, credential: str, model: str) -> ModelAccess:
    """The access of a process behind the gateway: its session's, or a permit's credential with this model."""
    session = Session.objects.filter(pk=session_ref).first()
    if session is None:
        return ModelAccess(credential, model_access.family(model))
    executor = Executor.objects.get(pk=workspace_id)
    return access_of(session, configuration.of_session(executor.config, session.agent_name), reviewer(role))[1]


def refused_at_gateway(
    workspace_id: str, access: ModelAccess, code: str, message: str, retry_at: float | None, *, can_probe: bool = False
) -> None:
    """Open the breaker for a provider's refusal to the gateway, before a session ends. The provider's `retry_at` is a Unix time. A probe needs a key."""
    trouble = Trouble(code, message, "provider", retry_at)
    closed = ModelAccess(access.credential, ALL_MODELS) if code in model_access.CREDENTIAL_CODES else access
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        row, _ = ProviderBreaker.objects.get_or_create(
            workspace_id=workspace_id, credential=closed.credential, family=closed.family
        )
        until = datetime.now(UTC) + _pause(trouble, 1)
        if row.code and row.until and row.until > until - timedelta(seconds=1):
            return  # known: all sessions with this key meet one refusal
        values = {"code": code, "message": message[:500], "since": row.since if row.code and row.since else Now(), "until": until}
        if code == "auth" and can_probe and not row.asked_by:
            values |= {"asked_by": AskedBy.GATEWAY, "until": until + timedelta(seconds=waits.PROBE_AHEAD_S)}
        ProviderBreaker.objects.filter(pk=row.pk).update(**values)
        if not row.code:
            event = events.AgentUnavailable(code=code, credential=closed.credential, family=closed.family)
            activity.record(workspace_id, event, by=MUSTER, object_id=workspace_id, reason=message[:500])
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "executor", "entries")


def due_probes() -> list[ProviderBreaker]:
    """The breakers due for a gateway's probe."""
    soon = Now() + timedelta(seconds=waits.PROBE_AHEAD_S)
    return list(ProviderBreaker.objects.filter(code="auth", asked_by=AskedBy.GATEWAY, until__lte=soon))


def claim_probe(row: ProviderBreaker) -> bool:
    """Claim a probe for this process. False: another one was first, or the probe is obsolete, such as after a change of the key."""
    same = ProviderBreaker.objects.filter(pk=row.pk, code="auth", asked_by=AskedBy.GATEWAY, until=row.until)
    pause = timedelta(seconds=waits.LEAST_BREAK_S["auth"] + waits.PROBE_AHEAD_S)
    return same.update(until=Now() + pause) == 1


def leave_to_sessions(row: ProviderBreaker) -> None:
    """Let one session try now: the key is accepted again, or its server answers no probe. If that session is refused, sessions go on to try."""
    same = ProviderBreaker.objects.filter(pk=row.pk, code="auth", asked_by=AskedBy.GATEWAY)
    if same.update(asked_by=AskedBy.SESSION, until=Now()):
        wake_ups.enqueue_cycle(row.workspace_id)
        wake_ups.publish_change(row.workspace_id, "executor", "entries")


def gateway_breaker(session: Session, of: Reviewer) -> ProviderBreaker | None:
    """The gateway's open breaker for a session's agent; None: its requests may be sent."""
    rows = [row for row in breakers(session.workspace_id) if row.code in GATEWAY_CODES and _is_waiting(row)]
    if not rows:
        return None
    agent, access = access_of(session, configuration.of_session(session.workspace.executor.config, session.agent_name), of)
    needed = model_access.needed([(agent, access)])
    return next((row for row in rows if ModelAccess(row.credential, row.family) in needed), None)


def has_free_fallback(session: Session) -> bool:
    """True if an implementing session has a fallback with a closed breaker."""
    if session.role != Session.Role.IMPLEMENT:
        return False
    config = configuration.load(session.workspace.executor.config)
    secrets, shut = (
        secret_names(session.workspace_id),
        {(row.credential, row.family) for row in breakers(session.workspace_id) if row.code},
    )
    for name in config.chain(session.agent_name):
        agent = config.by_name.get(name)
        if name == session.agent_name or agent is None:
            continue
        access = model_access.of_agent(agent, name, config, secrets)
        if not shut & {tuple(each) for each in model_access.needed([(agent, access)])}:
            return True
    return False


def _began_before(session: Session, row: ProviderBreaker) -> bool:
    """True if the breaker opened during the session. Several running sessions meet one refusal: each had doubled the back-off."""
    return bool(row.code and row.since) and Session.objects.filter(pk=session.pk, claimed_at__lt=row.since).exists()


def provider_responded(session: Session, of: Reviewer) -> None:
    """Close the breakers after a response. One cheap statement if there are none. A session older than the refusal closes nothing: its response, read late, had
    ended the back-off, and 12 sessions of 384 were claimed before a known reset (`bench refusals`)."""
    if not ProviderBreaker.objects.filter(workspace_id=session.workspace_id).exists():
        return
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=session.workspace_id)
        agent, access = access_of(session, configuration.of_session(executor.config, session.agent_name), of)
        needed = model_access.needed([(agent, access)])
        rows = [row for row in breakers(executor.pk) if ModelAccess(row.credential, row.family) in needed]
        rows = [row for row in rows if not (_is_waiting(row) and _began_before(session, row))]
        _close(rows)
        for row in rows:
            if row.code:
                event = events.AgentAvailable(code=row.code, credential=row.credential, family=row.family)
                activity.record(executor.pk, event, by=MUSTER, object_id=executor.pk)
    if rows:
        wake_ups.enqueue_cycle(session.workspace_id)
        wake_ups.publish_change(session.workspace_id, "executor", "entries")


def half_open(workspace_id: str) -> None:
    """Let one session try now, after a change of the config or a secret. A response closes the breakers."""
    ProviderBreaker.objects.filter(workspace_id=workspace_id).exclude(code="").update(until=Now(), asked_by="")
    Entry.objects.filter(workspace_id=workspace_id, not_before__isnull=False).update(not_before=None)
    entry_routes.forget_refusals(workspace_id)


def try_again(workspace_id: str, *, by: Caller, credential: str = "") -> None:
    """Close the breakers, or those of one credential, for a person. Waiting entries may start, and the gateway sends one waiting request. Raises NotFound for a
    credential without waiting work."""
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        rows = [row for row in breakers(workspace_id) if credential in ("", row.credential)]
        held_up = {row.credential for row in rows if row.code} | {
            name for name in requests.waiting_credentials(workspace_id) if credential in ("", name)
        }
        if credential and not held_up:
            raise NotFound(f"No agent waits for {credential}")
        _close(rows)
        ProviderBreaker.objects.bulk_create(
            [ProviderBreaker(workspace_id=workspace_id, credential=name, since=datetime.now(UTC)) for name in sorted(held_up)]
        )
        Entry.objects.filter(workspace_id=workspace_id, not_before__isnull=False).update(not_before=None)
        code = next((row.code for row in rows if row.code), "")
        activity.record(workspace_id, events.AgentRetried(code=code, credential=credential), by=by, object_id=workspace_id)
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "executor", "entries")


def breakers(workspace_id: str) -> list[ProviderBreaker]:
    """The breakers with a count of refusals, open or closed."""
    return list(ProviderBreaker.objects.filter(workspace_id=workspace_id).order_by("credential", "family"))


def _is_waiting(row: ProviderBreaker) -> bool:
    return row.until is not None and row.until > datetime.now(UTC)


def _close(rows: Iterable[ProviderBreaker]) -> None:
    if ids := [row.pk for row in rows]:
        ProviderBreaker.objects.filter(pk__in=ids).delete()


def _requested_s(trouble: Trouble) -> float:
    """The provider's own back-off, in seconds."""
    return trouble.retry_at - datetime.now(UTC).timestamp() if trouble.retry_at else 0.0


def _pause(trouble: Trouble, times: int) -> timedelta:
    least = wait_s(times) if trouble.retry_at else max(wait_s(times), waits.LEAST_BREAK_S.get(trouble.code, 0.0))
    return timedelta(seconds=max(least, min(_requested_s(trouble), waits.MOST_RESET_S)))
