"""Shares of the plan for entries without their own budget, and the reaction to new money. A share says who goes first; it is no limit (ADR 29)."""

from collections.abc import Mapping, Sequence
from functools import partial

from django.db import transaction
from django.db.models import F

from budget import allocation, amounts
from budget.allocation import policy, reallocation
from budget.limits import caps
from budget.models import Account, Project
from orchestration import configuration
from orchestration.facts import events, signals
from orchestration.facts.reasons import NO_FUNDING, Reason
from orchestration.funding import changes, expectations, first_rounds, pool, raising, unblocking
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor
from workspaces import activity
from workspaces.access import MUSTER

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
        priors=partial(expectations.priors, executor.pk),
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
    left = max(pool.spare(project.pk) - promised, 0)
    if (missing := config.round_ceiling * len(created) - left) > 0:
        freed = first_rounds.reclaim(project, first_rounds.donors(project, config.round_ceiling), missing, config.round_ceiling)
        if freed:
            event = events.SharesReclaimed(changed=len(freed), freed_usd=amounts.number(sum(freed.values())))
            activity.record(project.pk, event, by=MUSTER, object_id=project.pk)
            left += sum(freed.values())
    return allocation.breadth_first(left, requests, min_round=max(config.min_round, 1), ceiling=config.round_ceiling)


def mark_due(workspace_id: str) -> None:
    """Money was freed or a round settled: share it out soon. The database keeps the request, so that a lost message loses nothing."""
    caps.mark_allocation_due(workspace_id)
    wake_ups.enqueue_share_out(workspace_id)


def share_out(workspace_id: str) -> None:
    """Share out what is due, once for any number of requests; a request during the run stays due. After a crash the tick starts over."""
    since = Project.objects.values_list("allocation_due", flat=True).get(pk=workspace_id)
    if since is None:
        return
    _take_back(workspace_id)
    if policy.load(workspace_id).automatic:
        reallocation.run(workspace_id, by=MUSTER)
    else:
        fund(workspace_id)
    unblocking.unblock_affordable(workspace_id, wake=False)
    signals.may_be_short.send(None, workspace_id=workspace_id, entry_ids=None)
    Project.objects.filter(pk=workspace_id, allocation_due=since).update(allocation_due=None)


def share_out_all_due() -> None:
    """For the tick: every workspace whose message was lost."""
    for workspace_id in Project.objects.filter(allocation_due__isnull=False).values_list("pk", flat=True):
        share_out(workspace_id)


def on_budget_change(workspace_id: str, entry_id: str | None, *, shared_out: bool) -> None:
    """A cap or a budget changed: entries that waited for it become pending at once, those without money blocked, and freed money goes to the
    others."""
    if entry_id is not None or (not shared_out and policy.load(workspace_id).automatic):
        wake_ups.enqueue_share_out(workspace_id)
    elif not shared_out:
        share_out(workspace_id)
    entry_ids = [entry_id] if entry_id else None
    unblocking.unblock_affordable(workspace_id, entry_ids)
    signals.may_be_short.send(None, workspace_id=workspace_id, entry_ids=entry_ids)


def _take_back(workspace_id: str) -> None:
    """Take back what entries on a plateau or on hold have left, and what shares have beyond the plan since it was lowered or spent
    elsewhere. It looks before it locks: what comes meanwhile is due again."""
    if raising.idle(workspace_id).exists():
        with transaction.atomic():
            Executor.objects.select_for_update().get(pk=workspace_id)
            raising.give_back(workspace_id)
    if pool.spare(workspace_id, signed=True) >= 0:
        return
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        if (over := -pool.spare(workspace_id, signed=True)) > 0:
            first_rounds.take_back(Project.objects.get(pk=workspace_id), over)


def fund(workspace_id: str) -> int:
    """Give the plan's spare money to open entries with neither their own budget nor money for a round. Returns how many.
    Workspaces with automatic reallocation do not need it. One event, whatever the number of entries.
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
        spare_now = pool.spare(workspace_id)
        requests = [(account.pk, max(account.headroom, 0), _may_have_left(account, config)) for account in unfunded]
        given = allocation.breadth_first(spare_now, requests, min_round=minimum, ceiling=config.round_ceiling)
        new = [(account.pk, 0, config.round_ceiling) for account in unfunded if account.budget == 0 and account.pk not in given]
        reclaimed = first_rounds.reclaim(project, donors, config.round_ceiling * len(new), config.round_ceiling)
        given |= allocation.breadth_first(sum(reclaimed.values()), new, min_round=minimum, ceiling=config.round_ceiling)
        raised = changes.raise_by(project, given, "its share of what the plan has left")
        if raised:
            event = events.SharesFunded(changed=raised, spare_usd=amounts.number(spare_now))
            activity.record(workspace_id, event, by=MUSTER, object_id=workspace_id)
    return raised


def give_again(workspace_id: str, entry_ids: Sequence[str]) -> None:
    """Shares for entries that go on after their share went back, from what the plan has left. The caller's transaction holds the
    executor's row."""
    config = configuration.load(Executor.objects.get(pk=workspace_id).config)
    minimum = max(config.min_round, 1)
    mine = Account.objects.select_related("entry").filter(pk__in=entry_ids, own_budget=False, human_locked=False)
    poor = [account for account in mine if account.headroom < minimum]
    if poor and not config.auto_reallocate:
        requests = [
            (account.pk, max(account.headroom, 0), _may_have_left(account, config))
            for account in sorted(poor, key=lambda account: _line_position(account.entry))
        ]
        given = allocation.breadth_first(pool.spare(workspace_id), requests, min_round=minimum, ceiling=config.round_ceiling)
        changes.raise_by(Project.objects.get(pk=workspace_id), given, "it goes on, so it has a share of the plan again")


def _unfunded(workspace_id: str, minimum: int) -> list[Account]:
    """The accounts that need a share, in their order: entries that were blocked without money, that used theirs up, and that never got any. Three queries, each
    by its index."""
    mine = Account.objects.select_related("entry").filter(
        project_id=workspace_id,
        own_budget=False,
        human_locked=False,
        entry__deleted_at__isnull=True,
        entry__is_container=False,
    )
    never = mine.filter(budget=0, spent=0, held=0, entry__status=Entry.Status.PENDING)
    used_up = mine.filter(
        entry__workspace_id=workspace_id,
        entry__status=Entry.Status.PENDING,
        entry__has_rounds=True,
        budget__gt=0,
        budget__lt=F("spent") + F("held") + minimum,
    )
    stopped = mine.filter(
        entry__workspace_id=workspace_id,
        entry__status=Entry.Status.BLOCKED,
        entry__reason_code=Reason.PROJECT_BUDGET_EXCEEDED,
        budget__lt=F("spent") + F("held") + minimum,
    )
    order = ("entry__unmet_dependencies", "entry__priority", "entry__seq")
    return [account for rows in (stopped, used_up, never) for account in rows.order_by(*order)[:AT_ONCE]]


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


def _may_have_left(account: Account, config: configuration.Config) -> int:
    """A full ceiling for each of its rounds, minus its spend; at least a ceiling for each round still to come: the entry may have been
    reopened, or have started under a higher ceiling.
    """
    rounds, created = account.entry.budget_rounds, account.entry.rounds_completed
    return max(int(config.round_ceiling * rounds - account.spent - account.held), config.round_ceiling * (rounds - created))


def _line_position(entry: Entry) -> tuple[bool, int, int]:
    return entry.unmet_dependencies > 0, entry.priority, entry.seq
