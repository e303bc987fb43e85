"""The allocation on real accounts: reads the snapshot, applies the changes. People win: a budget that a person locked or edited
meanwhile stays."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from budget import amounts, events
from budget.allocation import estimates, policy, sharing
from budget.allocation.estimates import Prior, Round
from budget.allocation.policy import Policy
from budget.allocation.sharing import Change, Row, Skipped, Snapshot
from budget.amounts.money import MoneyField
from budget.limits import caps
from budget.models import Account, BudgetChange, Hold, Project, RoundSpend
from workspaces import activity
from workspaces.access import Caller

__all__ = ["Change", "Outcome", "Skipped", "preview", "run", "snapshot"]

Source = BudgetChange.Source
HISTORY = 200  # the newest sessions, whose entries give the medians
OPEN = ("pending", "in_progress", "blocked")
BATCH = 200  # rows in one statement: SQLite limits the number of parameters


class Outcome(NamedTuple):
    """The changes, or in a dry run the changes that would be made. Micro-USD. `skipped`: locked, or changed by someone meanwhile."""

    changes: tuple[Change, ...]
    skipped: tuple[Skipped, ...]
    pool: int
    unallocated: int


def preview(workspace_id: str) -> Outcome:
    """The changes that `run` would make now. Five queries without estimates of agents, and two more with them; no lock."""
    allocation = sharing.allocate(_read(workspace_id))
    return Outcome(allocation.changes, allocation.skipped, allocation.pool, allocation.unallocated)


def run(workspace_id: str, *, by: Caller, dry_run: bool = False, source: Source = Source.ALLOCATION) -> Outcome:
    """Reallocate the remaining money. Decides first without a lock, since usually no budget changes."""
    planned = preview(workspace_id)
    if dry_run or not planned.changes:
        return planned
    with transaction.atomic():
        allocation = sharing.allocate(_read(workspace_id, lock=True))
        changed, overtaken = _carry_out(allocation.changes)
        freed = sum(change.before - change.after for change in allocation.changes) - sum(
            change.before - change.after for change in changed
        )
        outcome = Outcome(
            tuple(changed), (*allocation.skipped, *overtaken), allocation.pool, max(allocation.unallocated - freed, 0)
        )
        if changed:
            _record(workspace_id, outcome, by=by, source=source)
    return outcome


def _read(workspace_id: str, *, lock: bool = False) -> Snapshot:
    rules = policy.load(workspace_id, lock=lock)
    return snapshot(Project.objects.get(pk=workspace_id), rules)


def snapshot(project: Project, rules: Policy, *, sample: int | None = None) -> Snapshot:
    """The money of a workspace: its open entries, and the ended ones with money to give back. Two queries, and those of `rules.priors`. `sample`: only so many open
    entries, at random, since ids are random.

    The project is read in the same statement as the accounts, so that a charge in between cannot count as left in both."""
    open_entries = Q(entry__status__in=OPEN)
    with_money_left = Q(entry__status__in=sharing.ENDED, budget__gt=F("spent") + F("held"))
    chosen = open_entries if sample else open_entries | with_money_left
    relevant = Account.objects.filter(chosen, project=project, entry__deleted_at__isnull=True, entry__is_container=False)
    relevant = relevant.order_by("pk")[:sample] if sample else relevant
    accounts = list(
        relevant.select_related("entry", "project").only("budget", "spent", "held", "human_locked", *_OF_ENTRY, *_OF_PROJECT)
    )
    project = accounts[0].project if accounts else project
    running = {account.pk for account in accounts if account.entry.status == "in_progress"}
    newest = Hold.objects.filter(project=project).order_by("-id").values("account_id")[:HISTORY]
    mine = RoundSpend.objects.filter(account__project=project, account__entry__status__in=OPEN)
    if sample:
        mine = mine.filter(account_id__in=[account.pk for account in accounts])
    others = RoundSpend.objects.filter(account_id__in=newest).exclude(account__entry__status__in=OPEN)
    rounds_by_account = _rounds((mine, others), running)
    priors = rules.priors()
    open_ids = {account.pk for account in accounts if account.entry.status in OPEN}
    return Snapshot(
        total_budget=project.total_budget,
        max_project_spend=project.max_project_spend,
        spent=project.total_spent,
        held=project.held,
        min_round=rules.min_round,
        round_ceiling=rules.round_ceiling,
        plateau_rounds=rules.plateau_rounds,
        plateau_epsilon=rules.plateau_epsilon,
        history=tuple(rounds for id_, rounds in rounds_by_account.items() if id_ not in open_ids),
        rows=tuple(_row(account, rounds_by_account.get(account.pk, ()), rules, priors.get(account.pk)) for account in accounts),
    )


def usual_round(workspace_id: str, *, min_round: int, max_round: int) -> int | None:
    """The usual cost of a verified round in this workspace (micro-USD), by its newest entries; None before the first."""
    newest = Hold.objects.filter(project_id=workspace_id).order_by("-id").values("account_id")[:HISTORY]
    costs = RoundSpend.objects.filter(account_id__in=newest, cost__gt=0, improvement_score__isnull=False)
    rounds = [Round(cost, None) for cost in costs.order_by().values_list("cost", flat=True)]
    usual = estimates.find_typical([rounds], min_round=min_round, max_round=max_round)
    return usual.round if usual.known else None


_OPEN = {"entry__status__in": OPEN, "entry__deleted_at__isnull": True, "entry__is_container": False}


def count_open(project: Project) -> int:
    return Account.objects.filter(project=project, **_OPEN).count()


_OF_ENTRY = [
    f"entry__{name}"
    for name in (
        "seq",
        "priority",
        "status",
        "reason_code",
        "budget_rounds",
        "rounds_completed",
        "unmet_dependencies",
        "account_id",
    )
]

_OF_PROJECT = [f"project__{name}" for name in ("total_budget", "max_project_spend", "total_spent", "held")]


def _row(account: Account, rounds: tuple[Round, ...], rules: Policy, prior: Prior | None) -> Row:
    entry = account.entry
    waiting = entry.status == "blocked" and entry.reason_code in rules.no_funding
    return Row(
        id=account.pk,
        seq=entry.seq,
        priority=entry.priority,
        status="waiting" if waiting else {"in_progress": "running"}.get(entry.status, entry.status),
        budget=account.budget,
        spent=account.spent,
        held=account.held,
        ceiling=rules.round_ceiling * entry.budget_rounds,
        locked=account.human_locked,
        ready=entry.unmet_dependencies == 0,
        rounds_left=max(entry.budget_rounds - entry.rounds_completed, 0),
        counted=entry.rounds_completed,
        rounds=rounds,
        prior=prior,
    )


def _rounds(querysets: tuple[QuerySet[RoundSpend], QuerySet[RoundSpend]], running: set[str]) -> dict[str, tuple[Round, ...]]:
    """Rounds by account, in order, from two disjoint sets in one query. A running round is left out."""
    rounds_by_account: dict[str, list[Round]] = defaultdict(list)
    ours, others = (rows.order_by().values_list("account_id", "number", "cost", "improvement_score") for rows in querysets)
    for id_, _, cost, gain in ours.union(others, all=True).order_by("account_id", "number"):
        rounds_by_account[id_].append(Round(cost, gain))
    for id_ in running & rounds_by_account.keys():
        if rounds_by_account[id_][-1].gain is None:
            rounds_by_account[id_].pop()
    return {id_: tuple(rounds) for id_, rounds in rounds_by_account.items()}


def _carry_out(changes: Sequence[Change]) -> tuple[list[Change], list[Skipped]]:
    """Applies the changes that still fit their accounts; the others are skipped. Accounts are locked in the order of their ids."""
    changes_by_account = {change.account_id: change for change in changes}
    changed: list[Change] = []
    overtaken: list[Skipped] = []
    for ids in _batches(sorted(changes_by_account)):
        rows = Account.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
        fits = {}
        for row in rows:
            change = changes_by_account[row.pk]
            if row.human_locked:
                overtaken.append(Skipped(row.pk, f"Locked at {amounts.format_usd(row.budget)} by {row.locked_by} meanwhile"))
            elif row.budget != change.before or change.after < row.spent + row.held:
                overtaken.append(Skipped(row.pk, "Its money changed meanwhile: considered again next time"))
            else:
                fits[row.pk] = change
        new_budgets = Case(*(When(pk=id_, then=Value(change.after)) for id_, change in fits.items()), output_field=MoneyField())
        if fits:  # the statement repeats the condition, so the database refuses even if this code is wrong
            Account.objects.filter(pk__in=fits, human_locked=False).update(budget=new_budgets)
        changed += fits.values()
    return changed, overtaken


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _record(workspace_id: str, outcome: Outcome, *, by: Caller, source: Source) -> None:
    BudgetChange.objects.bulk_create(
        BudgetChange(
            project_id=workspace_id,
            account_id=change.account_id,
            field="budget",
            before=change.before,
            after=change.after,
            source=source,
            actor=by.name,
            reason=change.reason[:500],
        )
        for change in outcome.changes
    )
    event = events.BudgetsReallocated(
        changed=len(outcome.changes),
        skipped=len(outcome.skipped),
        pool_usd=amounts.number(outcome.pool),
        unallocated_usd=amounts.number(outcome.unallocated),
    )
    activity.record(workspace_id, event, by=by, object_id=workspace_id)
    caps.announce(workspace_id, shared_out=True)
