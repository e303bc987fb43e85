"""The requests that a session has sent through the gateway, and which promise holds for its money."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from budget import amounts
from budget.amounts import columns
from budget.models import GatewayRequest
from budget.reads import gateway_requests
from budget.reads.gateway_requests import Totals
from dashboard.shared.lists import paging
from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import labels
from orchestration import configuration
from orchestration.configuration import gateway_use
from orchestration.models import Session

State = GatewayRequest.State
PROMISES = {
    Session.Meter.GATEWAY: "Its requests pass the gateway: each is reserved before it is sent.",
    Session.Meter.CLI: "Its agent reports what it spends, after each request.",
}
WORDS = {
    ("refused", 402): "there was no money for it: it was not sent",
    ("refused", 429): "its provider took no more for as long as its agent waits: it was not sent, and may be repeated",
    ("refused", 499): "its agent left before it was sent",
    ("refused", 401): "its session ended before it was sent",
    ("refused", 503): "the gateway ended, or the database was away: it was not sent, and may be repeated",
    ("refused", None): "its gateway ended before it was sent; it may be repeated",
}
"""The cause of a state, by it and its status, where its reason is for programs and logs."""


@dataclass(frozen=True)
class Row:
    """A request with what is computed for it. `badge`: of `labels.BADGES`. `waited`: before it was sent; `first_byte`: of its provider's answer."""

    request: GatewayRequest
    badge: str
    cost: str
    waited: str
    first_byte: str
    took: str

    @property
    def reason(self) -> str:
        """The cause of its state; empty where that says it."""
        request = self.request
        if request.state == State.WAITING:
            return ""
        return WORDS.get((request.state, request.status), request.reason)

    @property
    def waits_for(self) -> str:
        """The credential whose limit it waits for."""
        is_paced = self.request.state == State.WAITING and self.request.reason == GatewayRequest.FOR_PROVIDER
        return self.request.credential if is_paced else ""

    @property
    def answered_by(self) -> str:
        """The model of the answer, where it is another than the one asked for."""
        return self.request.answer_model if self.request.answer_model != self.request.model else ""

    @property
    def is_open(self) -> bool:
        return self.request.state in GatewayRequest.OPEN

    @property
    def left_unknown(self) -> int:
        """Micro-USD that stay reserved for it, since its cost is not known."""
        return int(self.request.bound - self.request.amount) if self.request.state == State.UNKNOWN else 0

    @property
    def is_at_bound(self) -> bool:
        """True if it is booked at its bound, since its cost is not known."""
        return self.request.state == State.UNKNOWN and not self.left_unknown


def build_row(request: GatewayRequest, places: int = 2) -> Row:
    """`places`: decimals of its cost."""
    sent, ended = request.sent_at, request.ended_at
    return Row(
        request,
        _badge(request),
        amounts.format_usd(request.amount, places=places),
        waited=_span(request.created_at, sent or ended),
        first_byte=_span(sent, request.first_byte_at),
        took=_span(sent, ended),
    )


def context(page_request: PageRequest, session: Session) -> dict[str, Any]:
    """The newest requests first, in pages, with the sums of all. Two queries."""
    cursor = {name: page_request.request.GET.get(name, "") for name in ("after", "before")}
    cut = paging.paginate(gateway_requests.of_session(session.pk), "id", "id", within="session_ref", descending=True, **cursor)
    places = columns.exact_places([request.amount for request in cut.rows])
    totals = gateway_requests.totals(session.pk)
    return {
        "rows": [build_row(request, places) for request in cut.rows],
        "cut": cut,
        "query": "tab=requests",
        "totals": totals,
        "waiting": _waiting(totals),
        "over": session.status == Session.Status.ENDED,
    }


def _waiting(totals: Totals) -> str:
    """`2 wait for money, 1 for its provider's limit`."""
    money, paced = totals.waiting - totals.for_provider, totals.for_provider
    provider = f"{'its' if paced == 1 else 'their'} provider's limit"
    counts = [(number, what) for number, what in ((money, "money"), (paced, provider)) if number]
    return ", ".join(
        f"{number} {'' if n else 'waits ' if number == 1 else 'wait '}for {what}" for n, (number, what) in enumerate(counts)
    )


def has_any(session: Session) -> bool:
    """No query for a session that has not started its agents."""
    return bool(session.meter) and gateway_requests.of_session(session.pk).exists()


def promise(page_request: PageRequest, session: Session) -> str:
    """The sentence on how its spend is known, with the reason where the gateway does not count it and that takes no query. Empty: its agents have not
    started."""
    sentence = PROMISES.get(Session.Meter(session.meter), "")
    if session.meter != Session.Meter.CLI:
        return sentence
    if not settings.GATEWAY_URL:
        return f"{sentence} This server has no gateway."
    config = configuration.of_session(page_request.executor.config, session.agent_name)
    if config.gateway == "off":
        return f"{sentence} The gateway is off in the workspace's config."
    return f"{sentence} {reason}." if (reason := gateway_use.program_bypass(config.agent)) else sentence


def _badge(request: GatewayRequest) -> str:
    if request.state == State.SETTLED and not request.amount and request.reason:
        return "request_free"
    if request.state == State.WAITING and request.reason == GatewayRequest.FOR_PROVIDER:
        return "request_paced"
    return {State.WAITING: "request_waits", State.SENT: "request_sent", State.SETTLED: "request_booked"}.get(
        State(request.state), request.state
    )


def _span(since: datetime | None, until: datetime | None) -> str:
    """Empty: one of both has not come, or nothing lay between them. Seconds with a decimal below ten."""
    if since is None or until is None or (span := until - since) < timedelta(seconds=0.05):
        return ""
    return f"{span.total_seconds():.1f}s" if span < timedelta(seconds=10) else labels.duration(span)
