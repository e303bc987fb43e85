"""Requests of a session in the gateway, made through the same functions that the gateway uses."""

from datetime import timedelta
from typing import Any

from django.utils.timezone import now

from budget.amounts import usd
from budget.ledger import requests
from budget.ledger.prices import Tokens
from budget.ledger.requests import Bounded, Counted
from budget.models import Category, GatewayAccess, GatewayRequest
from orchestration.models import Session

MODEL, GATEWAY = "claude-sonnet-4-5", "gate_1"


def an_access(session: Session, **more: Any) -> GatewayAccess:
    """An access of a session, which is metered by the gateway from now on."""
    assert session.hold is not None
    Session.objects.filter(pk=session.pk).update(meter=Session.Meter.GATEWAY)
    return requests.open_access(
        session.hold, role="implement", category=Category.ENTRY, upstreams={}, round_number=session.round_number, **more
    )


def bounded(bound: str, **more: Any) -> Bounded:
    return Bounded("anthropic", MODEL, usd(bound), **more)


def counted(amount: str, *, model: str = MODEL, **more: Any) -> Counted:
    return Counted(usd(amount), Tokens(model, 1200, 340, 52_000, 4100), "prices 1", first_byte_at=now(), status=200, **more)


def one_of_each(session: Session) -> GatewayAccess:
    """Booked, booked of another model, not charged, unknown, refused, sent, and two that wait for money."""
    access = an_access(session)
    requests.settle(requests.send(access, bounded("0.1"), gateway=GATEWAY), counted("0.0213"))
    clamped = bounded("0.1", output_limit=4000, is_clamped=True)
    requests.settle(requests.send(access, clamped, gateway=GATEWAY), counted("0.04", model="claude-haiku-4-5"))
    requests.free(requests.send(access, bounded("0.1"), gateway=GATEWAY), reason="its provider is overloaded", status=529)
    lost = requests.send(access, bounded("0.2", is_exact=False), gateway=GATEWAY)
    requests.settle(lost, counted("0.05", unknown="its answer broke off"))
    requests.refuse(access, bounded("0.3"), gateway=GATEWAY, reason="there is no money for it", status=402)
    requests.send(access, bounded("0.15"), gateway=GATEWAY)
    for bound in ("0.9", "0.8"):
        requests.wait(access, bounded(bound), gateway=GATEWAY, reason="it waits for money")
    return access


def every_fault(session: Session) -> GatewayAccess:
    """The ends of requests that a stranger reads last: unknown, refused for each cause, not charged; and one that waits for its provider's limit."""
    access = an_access(session)
    cut = requests.send(access, bounded("0.2"), gateway=GATEWAY)
    requests.settle(cut, counted("0.05", unknown="its answer was cut off"))
    silent = requests.send(access, bounded("0.1"), gateway=GATEWAY)
    requests.settle(silent, Counted(0, Tokens(MODEL), "", unknown="its provider gave no answer (ServerDisconnectedError)"))
    requests.free(requests.send(access, bounded("0.1"), gateway=GATEWAY), reason="the provider answered 429", status=429)
    away = "The provider at api.anthropic.com could not be reached: its name is not known"
    requests.free(requests.send(access, bounded("0.1"), gateway=GATEWAY), reason=away)
    for reason, status in REFUSALS.items():
        requests.refuse(access, bounded("0.3", credential="team"), gateway=GATEWAY, reason=reason, status=status)
    paced(access)
    return access


REFUSALS = {
    "there is no money for it": 402,
    "its provider takes no more now": 429,
    "its client has left": 499,
    "its session has ended": 401,
    "its gateway ended, or the database was away": 503,
}


def paced(access: GatewayAccess, credential: str = "team") -> None:
    """A request that waits for the limit of its provider."""
    item = bounded("0.1", credential=credential)
    requests.wait(access, item, gateway=GATEWAY, reason=requests.FOR_PROVIDER)


def many(session: Session, number: int) -> None:
    """Requests that cost nothing, then one that waits."""
    access = an_access(session)
    for _ in range(number - 1):
        requests.free(requests.send(access, bounded("0.01"), gateway=GATEWAY), reason="its provider is overloaded", status=529)
    requests.wait(access, bounded("0.01"), gateway=GATEWAY, reason="it waits for money")


def aged(session: Session) -> None:
    """Spread the times of a session's requests as in production."""
    for number, request in enumerate(GatewayRequest.objects.filter(session_ref=session.pk).order_by("-pk")):
        asked = now() - timedelta(seconds=20 + 47 * number)
        sent = asked + timedelta(seconds=0.02 + 7.4 * (number % 3 == 1))
        times: dict[str, Any] = {"created_at": asked}
        if request.sent_at:
            times["sent_at"] = sent
        if request.first_byte_at:
            times["first_byte_at"] = sent + timedelta(seconds=1.3 + number / 10)
        if request.ended_at:
            times["ended_at"] = sent + timedelta(seconds=14 + number)
        GatewayRequest.objects.filter(pk=request.pk).update(**times)


TURNS = ((3_200, 18_400, 0, 610), (420, 900, 18_400, 1_240), (1_150, 1_320, 19_300, 2_050), (380, 2_400, 20_620, 455))
"""Tokens of a conversation's first requests: input, to and from the cache, output."""


def at_work(session: Session) -> GatewayAccess:
    """The requests of a usual session: its conversation, a small model on the side, a refusal of its provider, and an answer that was cut off."""
    access = an_access(session, agent="claude_code")
    item = bounded("0.21", credential="team")
    for turn, (new, written, read, output) in enumerate(TURNS):
        tokens = Tokens(MODEL, new, output, read, written)
        amount = (new * 3 + written * 3.75 + read * 0.3 + output * 15) / 10**6
        counted_ = Counted(usd(f"{amount:.6f}"), tokens, "prices 1", first_byte_at=now(), status=200)
        requests.settle(requests.send(access, item, gateway=GATEWAY), counted_)
        if turn == 0:
            small = requests.send(access, Bounded("anthropic", "claude-haiku-4-5", usd("0.03"), "team"), gateway=GATEWAY)
            tokens = Tokens("claude-haiku-4-5", 740, 32)
            requests.settle(small, Counted(usd("0.0009"), tokens, "prices 1", first_byte_at=now(), status=200))
        if turn == 1:
            requests.free(requests.send(access, item, gateway=GATEWAY), reason="the provider answered 429", status=429)
    cut = requests.send(access, bounded("0.12", credential="team"), gateway=GATEWAY)
    requests.settle(cut, counted("0.05", unknown="its answer was cut off"))
    return access


def waits_for_money(access: GatewayAccess) -> None:
    """A request that waits since its bound is more than is left."""
    requests.wait(access, bounded("0.74", credential="team"), gateway=GATEWAY, reason=requests.FOR_MONEY)
