"""A running session's reservation grows step by step while it spends, and shrinks to what its round may still need."""

from contextlib import suppress
from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction

from budget import ledger
from budget.allocation import reallocation
from budget.models import Account, Hold
from orchestration import funding
from orchestration.configuration import Config, micro
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Session
from orchestration.sessions import lifecycle, metering

GROWING = (Session.Phase.STARTING, Session.Phase.IMPLEMENTATION)


@dataclass(frozen=True, slots=True)
class Growth:
    """Micro-USD: the most that a session may reserve for its implementation, and how much it requests at a time. `is_short`: it started
    with less than that, so it grows by need. `usual`: the cost of a round here, None while nobody knows it; never below `least`.
    `is_fixed`: its process keeps the limit of its start, so that more is only of use to the next process."""

    ceiling: int
    step: int
    is_short: bool = False
    usual: int | None = None
    least: int = 1
    is_fixed: bool = False

    def ahead(self, drawn: int) -> int:
        """The amount that a session growing by need may still need: the rest of a usual round, and some more; with an unknown cost as much
        again as it has spent."""
        if self.usual is None:
            return drawn
        return max(self.usual - drawn, drawn // 2 if self.is_fixed else self.usual // 4)

    def is_low(self, *, amount: int, drawn: int) -> bool:
        return amount - drawn < (self.ahead(drawn) if self.is_short else self.step / 2)

    def is_urgent(self, *, amount: int, drawn: int) -> bool:
        """A session behind it in line may have to end for it."""
        return self.is_short or amount - drawn < self.step / 4

    def next_step(self, *, amount: int, drawn: int) -> int:
        """The amount to request; 0: none. Another step once less than half a step is left; by need, the amount that it lacks.
        Never past the ceiling."""
        if not self.is_low(amount=amount, drawn=drawn):
            return 0
        request = max(self.ahead(drawn) - (amount - drawn), self.step // 8, 1) if self.is_short else self.step
        return max(min(request, self.ceiling - amount), 0)

    def wants(self, *, amount: int, drawn: int) -> int:
        """The amount that it may request before long: no new session starts on this money."""
        if not self.is_short or self.usual is not None:
            return self.next_step(amount=amount, drawn=drawn)
        return max(min(3 * drawn, self.ceiling) - amount, 0)


def growth(config: Config, *, first: int | None = None, usual: int | None = None) -> Growth | None:
    """The growth of a session with the `first` reservation (None: the config's). `usual`: the usual cost of a round here, if that is known.
    Returns None where the agent keeps the limit of its start and cannot be resumed, so that its reservation does not grow."""
    if config.keeps_first_limit:
        return None
    most = min(config.initial_reservation or config.round_ceiling, config.round_ceiling)
    first = most if first is None else min(first, most)
    least = max(config.min_round, 1)
    return Growth(config.round_ceiling, max(first, least), first < most, usual, least=least, is_fixed=config.gets_limit_at_start)


def with_usual(steps: Growth, workspace_id: str) -> Growth:
    """The first round of the workspace may have ended since the session started."""
    if steps.usual is not None or not steps.is_short:
        return steps
    return replace(steps, usual=reallocation.usual_round(workspace_id, min_round=steps.least, max_round=steps.ceiling))


def growth_of(session: Session, config: Config) -> Growth | None:
    """The growth of a session that starts a process now."""
    reserved_first = session.hold.amount if session.hold else None
    return growth(config, first=reserved_first, usual=usual_cost(session.workspace_id, config))


def pays_round(session: Session, config: Config) -> bool:
    """True if what is left of the session's reservation is worth another process."""
    return metering.left(session) >= max(config.min_round, 1)


def usual_cost(workspace_id: str, config: Config) -> int | None:
    return reallocation.usual_round(workspace_id, min_round=config.min_round, max_round=config.round_ceiling)


def extend(session: Session, by: int) -> int:
    """Grow the session's reservation by up to `by` micro-USD, within the caps, the limits, and its entry's own budget or the plan. Returns
    the increase. A share follows: it is no limit."""
    assert session.hold_id is not None
    with transaction.atomic():
        cover(session.entry.account_id, by)
        return ledger.extend(session.hold_id, by)


def cover(account_id: str, by: int) -> None:
    """Raise an entry's share so that `by` more micro-USD can be reserved, as far as the plan has the money. In the caller's transaction,
    before it locks anything. A budget that a person set or locked stays."""
    account = Account.objects.get(pk=account_id)
    if account.own_budget or account.human_locked or account.headroom >= by:
        return
    Executor.objects.select_for_update().get(pk=account.project_id)
    room = min(by, funding.plan(account.project_id).free)
    if room > account.headroom:
        with suppress(IntegrityError), transaction.atomic():  # a charge came between: the next request sees it
            funding.raise_shares(account.project_id, {account.pk: room})


def shrink(session: Session, config: Config, *, cost_known: bool) -> None:
    """After the implementation: keep what the round's reviewers may spend, and return the rest at once, so that other entries start.

    A session with unknown cost keeps the whole reservation: it will be charged in full.
    """
    if not cost_known:
        lifecycle.forget_price(session)
    if session.hold_id is None or session.unpriced_model:
        return
    keep = sum(micro(agent.round_usd) for agent in (config.interceptor, config.verifier) if agent is not None)
    if ledger.shrink(session.hold_id, keep=keep):
        session.hold = Hold.objects.get(pk=session.hold_id)
        wake_ups.enqueue_cycle(session.workspace_id)
        wake_ups.publish_change(session.workspace_id, "budget", "workers")
