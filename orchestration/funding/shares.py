"""Money for entries that nobody gave a budget of their own: their share of what the plan has left, and what happens when money comes."""

from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from budget import allocation, amounts
from budget.allocation import policy, reallocation
from budget.amounts.money import MoneyField
from budget.limits import caps
from budget.models import Account, BudgetChange, Project
from orchestration import configuration, events
from orchestration.funding import first_rounds
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor
from orchestration.reasons import NO_FUNDING, WITHOUT_MONEY, Reason
from workspaces import activity
from workspaces.access import MUSTER

OPEN = reallocation.OPEN
AT_ONCE = 500  # entries that one call gives money to; the next one goes on


def read_terms(workspace_id: str, lock: bool) -> policy.Policy:
    """What budget wants to know of the config (budget/terms.py). `lock` keeps cycles, endings and additions out."""
    rows = Executor.objects.select_for_update() if lock else Executor.objects
    return terms_of(rows.get(pk=workspace_id))


def terms_of(executor: Executor) -> policy.Policy:
    config = configuration.load(executor.config)
    return policy.Policy(
        min_round=config.min_round,
        round_ceiling=config.round_ceiling,
        plateau_rounds=config.plateau.rounds,
        plateau_epsilon=config.plateau.epsilon,
        automatic=config.auto_reallocate,
        running=executor.state == Executor.State.RUNNING,
        no_funding=NO_FUNDING,
    )


def for_new(project: Project, made: Sequence[Entry], config: configuration.Config, *, promised: int = 0) -> Mapping[str, int]:
    """Budgets (micro-USD) for new entries without one: a round's ceiling each, those that can go on first, then up to all of their rounds.
    Those for which nothing is left are not in the answer. `promised`: budgets of their own that others get together with them.
    What is missing for a round each comes from shares of others that pay for more than one.
    """
    if not made:
        return {}
    asks = [(entry.pk, 0, config.round_ceiling * entry.budget_rounds) for entry in sorted(made, key=_place)]
    left = max(spare(project.pk) - promised, 0)
    if (missing := config.round_ceiling * len(made) - left) > 0:
        left += first_rounds.take_back(project, first_rounds.line(project, config.round_ceiling), missing, config.round_ceiling)
    return allocation.breadth_first(left, asks, min_round=max(config.min_round, 1), ceiling=config.round_ceiling)


def spare(workspace_id: str) -> int:
    """What the plan has left: neither spent, nor held, nor in the budget of an open entry. Micro-USD, at least 0.
    One statement: a charge between two of them would be counted as left by the project and as spent by its entry.
    """
    left = F("budget") - F("spent") - F("held")
    accounts = Account.objects.filter(entry__status__in=OPEN, entry__deleted_at__isnull=True, budget__gt=F("spent") + F("held"))
    budgeted = accounts.filter(project=OuterRef("pk")).order_by().values("project").annotate(sum=Sum(left)).values("sum")
    project = Project.objects.annotate(budgeted=Coalesce(Subquery(budgeted), 0, output_field=MoneyField())).get(pk=workspace_id)
    plan = project.total_budget or project.max_project_spend
    return max(min(plan, project.max_project_spend) - project.total_spent - project.held - int(project.budgeted), 0)


def due(workspace_id: str) -> None:
    """Money came free, or a round was settled: share it out soon. Written down with its cause, so that a lost doorbell loses nothing."""
    caps.mark_allocation_due(workspace_id)
    wake_ups.enqueue_share_out(workspace_id)


def share_out(workspace_id: str) -> None:
    """Do what is due, once for however many asked: what becomes due meanwhile stays so. Killed half-way, the tick begins again."""
    since = Project.objects.values_list("allocation_due", flat=True).get(pk=workspace_id)
    if since is None:
        return
    if policy.load(workspace_id).automatic:
        reallocation.run(workspace_id, by=MUSTER)
    else:
        fund(workspace_id)
    unblock_affordable(workspace_id, nudge=False)
    Project.objects.filter(pk=workspace_id, allocation_due=since).update(allocation_due=None)


def everything_due() -> None:
    """For the tick: every workspace whose doorbell was lost."""
    for workspace_id in Project.objects.filter(allocation_due__isnull=False).values_list("pk", flat=True):
        share_out(workspace_id)


def on_money(workspace_id: str, entry_id: str | None, *, shared_out: bool) -> None:
    """A cap or a budget changed, and is due to be shared out: what waited for it goes on at once; what this one gives up is for the others."""
    if entry_id is not None or (not shared_out and policy.load(workspace_id).automatic):
        wake_ups.enqueue_share_out(workspace_id)
    elif not shared_out:
        share_out(workspace_id)
    unblock_affordable(workspace_id, [entry_id] if entry_id else None)


def fund(workspace_id: str) -> int:
    """Give the plan's spare money to open entries that have neither a budget of their own nor money for a round. Answers to how many.
    Where the workspace reallocates by itself, that does it better.
    """
    with transaction.atomic():
        config = configuration.load(Executor.objects.select_for_update().get(pk=workspace_id).config)
        least = max(config.min_round, 1)
        project = Project.objects.get(pk=workspace_id)
        found = _unfunded(workspace_id, least)
        rich = first_rounds.line(project, config.round_ceiling) if any(one.budget == 0 for one in found) else []
        poor = sorted(_locked(found, rich), key=lambda account: _place(account.entry))
        if not poor:
            return 0
        spare_now = spare(workspace_id)
        asks = [(one.pk, max(one.headroom, 0), _may_have_left(one, config)) for one in poor]
        given = allocation.breadth_first(spare_now, asks, min_round=least, ceiling=config.round_ceiling)
        new = [(one.pk, 0, config.round_ceiling) for one in poor if one.budget == 0 and one.pk not in given]
        room = first_rounds.take_back(project, rich, config.round_ceiling * len(new), config.round_ceiling)
        given |= allocation.breadth_first(room, new, min_round=least, ceiling=config.round_ceiling)
        changes = [_give(one, given[one.pk]) for one in poor if one.pk in given]
        if changes:
            BudgetChange.objects.bulk_create(changes)
            event = events.SharesFunded(changed=len(changes), spare_usd=amounts.number(spare_now))
            activity.record(workspace_id, event, by=MUSTER, object_id=workspace_id)
    if changes:
        unblock_affordable(workspace_id, list(given))
    return len(changes)


def unblock_affordable(workspace_id: str, entry_ids: Iterable[str] | None = None, *, nudge: bool = True) -> int:
    """Put entries blocked for want of money back in line where theirs now pays a round. Called when a budget or cap was raised."""
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=workspace_id)
        least = max(configuration.load(executor.config).min_round, 1)
        stuck = Entry.objects.filter(
            workspace_id=workspace_id, status=Entry.Status.BLOCKED, reason_code__in=WITHOUT_MONEY, deleted_at__isnull=True
        )
        if entry_ids is not None:
            stuck = stuck.filter(pk__in=list(entry_ids))
        enough = stuck.filter(Q(account__budget__gte=F("account__spent") + F("account__held") + least))
        ids = list(enough.values_list("pk", flat=True))
        moved = Entry.objects.filter(pk__in=ids).update(
            status=Entry.Status.PENDING, reason_code="", reason_message="", reason_at=None
        )
    if nudge:
        wake_ups.enqueue_cycle(workspace_id)
    if nudge or moved:
        wake_ups.publish_change(workspace_id, "entries", "budget")
    return moved


def _unfunded(workspace_id: str, least: int) -> list[Account]:
    """Oldest first. Two looks, each by its index: those that never got anything, and those that stopped for want of more."""
    mine = Account.objects.select_related("entry").filter(
        project_id=workspace_id, own_budget=False, human_locked=False, entry__deleted_at__isnull=True
    )
    never = mine.filter(budget=0, spent=0, held=0, entry__status=Entry.Status.PENDING)
    stopped = mine.filter(
        entry__workspace_id=workspace_id,
        entry__status=Entry.Status.BLOCKED,
        entry__reason_code=Reason.PROJECT_BUDGET_EXCEEDED,
        budget__lt=F("spent") + F("held") + least,
    )
    order = ("entry__unmet_dependencies", "entry__priority", "entry__seq")
    return [*stopped.order_by(*order)[:AT_ONCE], *never.order_by(*order)[:AT_ONCE]]


def _locked(found: Sequence[Account], beside: Sequence[str]) -> list[Account]:
    """Those found, as they are now, until the transaction ends; with `beside`, all in the order of their ids. Without what a person locked."""
    ids = [*(one.pk for one in found), *beside]
    rows = Account.objects.select_for_update(no_key=True).filter(pk__in=ids, human_locked=False).order_by("pk") if found else []
    fresh = {row.pk: row for row in rows}
    for one in found:
        if row := fresh.get(one.pk):
            one.budget, one.spent, one.held = row.budget, row.spent, row.held
    return [one for one in found if one.pk in fresh]


def _give(account: Account, gift: int) -> BudgetChange:
    before = account.budget
    after = account.spent + account.held + max(account.headroom, 0) + gift
    Account.objects.filter(pk=account.pk, human_locked=False).update(budget=after)
    reason = f"Raised from {amounts.format_usd(before)} to {amounts.format_usd(after)}: its share of what the plan has left"
    return BudgetChange(
        project_id=account.project_id,
        account=account,
        field="budget",
        before=before,
        after=after,
        source=BudgetChange.Source.ALLOCATION,
        actor=MUSTER.name,
        reason=reason,
    )


def _may_have_left(account: Account, config: configuration.Config) -> int:
    """A full ceiling for each of its rounds, without what it cost. But at least for those that it may still make: it may have begun
    anew, or have begun when a round might cost more.
    """
    rounds, made = account.entry.budget_rounds, account.entry.rounds_completed
    return max(config.round_ceiling * rounds - account.spent - account.held, config.round_ceiling * (rounds - made))


def _place(entry: Entry) -> tuple[bool, int, int]:
    return entry.unmet_dependencies > 0, entry.priority, entry.seq
