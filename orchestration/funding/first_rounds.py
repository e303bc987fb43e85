"""Each entry gets money for one round before any entry gets money for a second, also when entries are added one by one (ADR 13)."""

from collections.abc import Mapping, Sequence

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When

from budget.allocation import reallocation
from budget.models import Account, Project
from orchestration.funding import changes

FIRST_ROUNDS = "a round for each entry comes before a second one for any"


def donors(project: Project, keep: int) -> list[str]:
    """Accounts whose share exceeds `keep` (micro-USD), last in line first. Budgets that a person set or locked are excluded."""
    return list(_last_first(project).filter(budget__gt=F("spent") + keep).values_list("pk", flat=True)[: changes.AT_ONCE])


def idle_shares(project: Project, amount_needed: int, upcoming: Mapping[str, int] | None = None) -> list[str]:
    """The accounts, last in line first, whose idle shares together make up the amount. `upcoming`: what they reserve next is not idle."""
    chosen, upcoming = [], upcoming or {}
    rows = _last_first(project).filter(budget__gt=F("spent") + F("held")).annotate(idle=F("budget") - F("spent") - F("held"))
    for account_id, idle in rows.values_list("pk", "idle").iterator(chunk_size=500):
        if amount_needed <= 0:
            break
        if (loose := idle - upcoming.get(account_id, 0)) > 0:
            chosen.append(account_id)
            amount_needed -= loose
    return chosen


def reclaim(project: Project, account_ids: Sequence[str], amount_needed: int, keep: int) -> dict[str, int]:
    """Take up to `amount_needed` micro-USD from these accounts, in this order; each keeps a round's `keep` beyond its spend. Returns what
    each gave.

    The caller's transaction holds the executor's row, so that no cycle, ending or addition counts on the money meanwhile. A caller that
    locks other accounts too locks all of them in the order of their ids.
    """
    fresh = {row.pk: row for row in changes.locked(account_ids)} if amount_needed > 0 else {}
    loose = [(fresh[pk], fresh[pk].budget - fresh[pk].spent - max(keep, fresh[pk].held)) for pk in account_ids if pk in fresh]
    return take(project, loose, amount_needed, FIRST_ROUNDS)


def take(project: Project, loose: Sequence[tuple[Account, int]], amount_needed: int, why: str) -> dict[str, int]:
    """Take up to `amount_needed` micro-USD from these locked rows, in this order, up to what is loose in each. Returns what each gave."""
    taken: dict[str, int] = {}
    for account, amount in loose:
        if (part := min(amount, amount_needed)) > 0:
            taken[account.pk], amount_needed = part, amount_needed - part
    rows = {account.pk: account for account, _ in loose}
    changes.write(project, [(rows[pk], rows[pk].budget - amount) for pk, amount in taken.items()], why)
    return taken


def take_back(project: Project, amount_needed: int) -> None:
    """Lower shares, last in line first: more is given out than the plan has."""
    givers = idle_shares(project, amount_needed)
    rows = {row.pk: row for row in changes.locked(givers)}
    take(project, [(rows[pk], rows[pk].headroom) for pk in givers if pk in rows], amount_needed, "the plan has no more for it")


def _last_first(project: Project) -> QuerySet[Account]:
    """Open entries with a share: those that cannot start come first, those at work last, because they may need it."""
    open_shares = Account.objects.filter(
        project=project,
        own_budget=False,
        human_locked=False,
        entry__status__in=reallocation.OPEN,
        entry__deleted_at__isnull=True,
    )
    turn = Case(
        When(entry__status="blocked", then=Value(0)),
        When(Q(entry__status="pending", entry__unmet_dependencies__gt=0), then=Value(1)),
        When(entry__status="pending", then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return open_shares.annotate(turn=turn).order_by("turn", "-entry__priority", "-entry__seq")
