"""Shares of the plan for entries without their own budget, and the reaction to new money."""

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
AT_ONCE = 500  # entries funded by one call; the next call continues


def read_policy(workspace_id: str, lock: bool) -> policy.Policy:
    """The parts of the config that the budget app needs. `lock` keeps cycles, endings and additions out."""
    rows = Executor.objects.select_for_update() if lock else Executor.objects
    return policy_for(rows.get(pk=workspace_id))


def policy_for(executor: Executor) -> policy.Policy:
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


def shares_for_new(
    project: Project, created: Sequence[Entry], config: configuration.Config, *, promised: int = 0
) -> Mapping[str, int]:
    """Budgets (micro-USD) for new entries without one: first a round's ceiling each, entries that can start first, then up to all of their
    rounds. Entries for which no money is left are missing from the result. `promised`: the own budgets of entries added with them.
    Money missing for a first round each comes from shares that pay for several.
    """
    if not created:
        return {}
    requests = [(entry.pk, 0, config.round_ceiling * entry.budget_rounds) for entry in sorted(created, key=_line_position)]
    left = max(spare(project.pk) - promised, 0)
    if (missing := config.round_ceiling * len(created) - left) > 0:
        left += first_rounds.reclaim(project, first_rounds.donors(project, config.round_ceiling), missing, config.round_ceiling)
    return allocation.breadth_first(left, requests, min_round=max(config.min_round, 1), ceiling=config.round_ceiling)


def spare(workspace_id: str) -> int:
    """The plan's unallocated money: neither spent, nor reserved, nor in an open entry's budget. Micro-USD, at least 0.
    One statement: with two, a charge in between would count as left for the project and as spent for its entry.
    """
    left = F("budget") - F("spent") - F("held")
    accounts = Account.objects.filter(entry__status__in=OPEN, entry__deleted_at__isnull=True, budget__gt=F("spent") + F("held"))
    budgeted = accounts.filter(project=OuterRef("pk")).order_by().values("project").annotate(sum=Sum(left)).values("sum")
    project = Project.objects.annotate(budgeted=Coalesce(Subquery(budgeted), 0, output_field=MoneyField())).get(pk=workspace_id)
    plan = project.total_budget or project.max_project_spend
    return max(int(min(plan, project.max_project_spend) - project.total_spent - project.held) - int(project.budgeted), 0)


def mark_due(workspace_id: str) -> None:
    """Money was freed or a round settled: share it out soon. The database keeps the request, so that a lost message loses nothing."""
    caps.mark_allocation_due(workspace_id)
    wake_ups.enqueue_share_out(workspace_id)


def share_out(workspace_id: str) -> None:
    """Share out what is due, once for any number of requests; a request during the run stays due. After a crash the tick starts over."""
    since = Project.objects.values_list("allocation_due", flat=True).get(pk=workspace_id)
    if since is None:
        return
    if policy.load(workspace_id).automatic:
        reallocation.run(workspace_id, by=MUSTER)
    else:
        fund(workspace_id)
    unblock_affordable(workspace_id, wake=False)
    Project.objects.filter(pk=workspace_id, allocation_due=since).update(allocation_due=None)


def share_out_all_due() -> None:
    """For the tick: every workspace whose message was lost."""
    for workspace_id in Project.objects.filter(allocation_due__isnull=False).values_list("pk", flat=True):
        share_out(workspace_id)


def on_budget_change(workspace_id: str, entry_id: str | None, *, shared_out: bool) -> None:
    """A cap or a budget changed: entries that waited for it become pending at once, and freed money goes to the others."""
    if entry_id is not None or (not shared_out and policy.load(workspace_id).automatic):
        wake_ups.enqueue_share_out(workspace_id)
    elif not shared_out:
        share_out(workspace_id)
    unblock_affordable(workspace_id, [entry_id] if entry_id else None)


def fund(workspace_id: str) -> int:
    """Give the plan's spare money to open entries with neither their own budget nor money for a round. Returns how many.
    Workspaces with automatic reallocation do not need it.
    """
    with transaction.atomic():
        config = configuration.load(Executor.objects.select_for_update().get(pk=workspace_id).config)
        minimum = max(config.min_round, 1)
        project = Project.objects.get(pk=workspace_id)
        accounts = _unfunded(workspace_id, minimum)
        donors = first_rounds.donors(project, config.round_ceiling) if any(account.budget == 0 for account in accounts) else []
        unfunded = sorted(_lock(accounts, donors), key=lambda account: _line_position(account.entry))
        if not unfunded:
            return 0
        spare_now = spare(workspace_id)
        requests = [(account.pk, max(account.headroom, 0), _may_have_left(account, config)) for account in unfunded]
        given = allocation.breadth_first(spare_now, requests, min_round=minimum, ceiling=config.round_ceiling)
        new = [(account.pk, 0, config.round_ceiling) for account in unfunded if account.budget == 0 and account.pk not in given]
        reclaimed = first_rounds.reclaim(project, donors, config.round_ceiling * len(new), config.round_ceiling)
        given |= allocation.breadth_first(reclaimed, new, min_round=minimum, ceiling=config.round_ceiling)
        changes = [_give(account, given[account.pk]) for account in unfunded if account.pk in given]
        if changes:
            BudgetChange.objects.bulk_create(changes)
            event = events.SharesFunded(changed=len(changes), spare_usd=amounts.number(spare_now))
            activity.record(workspace_id, event, by=MUSTER, object_id=workspace_id)
    if changes:
        unblock_affordable(workspace_id, list(given))
    return len(changes)


def unblock_affordable(workspace_id: str, entry_ids: Iterable[str] | None = None, *, wake: bool = True) -> int:
    """Make entries that are blocked without money pending again where their budget now pays a round. Called after a raise."""
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=workspace_id)
        minimum = max(configuration.load(executor.config).min_round, 1)
        stuck = Entry.objects.filter(
            workspace_id=workspace_id, status=Entry.Status.BLOCKED, reason_code__in=WITHOUT_MONEY, deleted_at__isnull=True
        )
        if entry_ids is not None:
            stuck = stuck.filter(pk__in=list(entry_ids))
        enough = stuck.filter(Q(account__budget__gte=F("account__spent") + F("account__held") + minimum))
        ids = list(enough.values_list("pk", flat=True))
        moved = Entry.objects.filter(pk__in=ids).update(
            status=Entry.Status.PENDING, reason_code="", reason_message="", reason_at=None
        )
    if wake:
        wake_ups.enqueue_cycle(workspace_id)
    if wake or moved:
        wake_ups.publish_change(workspace_id, "entries", "budget")
    return moved


def _unfunded(workspace_id: str, minimum: int) -> list[Account]:
    """Oldest first. Two queries, each by its index: entries that never got money, and entries that ran out of it."""
    mine = Account.objects.select_related("entry").filter(
        project_id=workspace_id, own_budget=False, human_locked=False, entry__deleted_at__isnull=True
    )
    never = mine.filter(budget=0, spent=0, held=0, entry__status=Entry.Status.PENDING)
    stopped = mine.filter(
        entry__workspace_id=workspace_id,
        entry__status=Entry.Status.BLOCKED,
        entry__reason_code=Reason.PROJECT_BUDGET_EXCEEDED,
        budget__lt=F("spent") + F("held") + minimum,
    )
    order = ("entry__unmet_dependencies", "entry__priority", "entry__seq")
    return [*stopped.order_by(*order)[:AT_ONCE], *never.order_by(*order)[:AT_ONCE]]


def _lock(accounts: Sequence[Account], donor_ids: Sequence[str]) -> list[Account]:
    """The accounts freshly read and locked, together with the donors, in the order of their ids. Accounts that a person locked are left out."""
    ids = [*(account.pk for account in accounts), *donor_ids]
    rows = (
        Account.objects.select_for_update(no_key=True).filter(pk__in=ids, human_locked=False).order_by("pk") if accounts else []
    )
    fresh = {row.pk: row for row in rows}
    for account in accounts:
        if row := fresh.get(account.pk):
            account.budget, account.spent, account.held = row.budget, row.spent, row.held
    return [account for account in accounts if account.pk in fresh]


def _give(account: Account, amount: int) -> BudgetChange:
    before = account.budget
    after = account.spent + account.held + max(account.headroom, 0) + amount
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
    """A full ceiling for each of its rounds, minus its spend; at least a ceiling for each round still to come: the entry may have been
    reopened, or have started under a higher ceiling.
    """
    rounds, created = account.entry.budget_rounds, account.entry.rounds_completed
    return max(int(config.round_ceiling * rounds - account.spent - account.held), config.round_ceiling * (rounds - created))


def _line_position(entry: Entry) -> tuple[bool, int, int]:
    return entry.unmet_dependencies > 0, entry.priority, entry.seq
