"""The allocation on real accounts: reads the snapshot, carries the changes out. People win: what one locked or edited meanwhile stays."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from budget import amounts, events
from budget.allocation import policy, sharing
from budget.allocation.estimates import Round
from budget.allocation.policy import Policy
from budget.allocation.sharing import Change, Row, Skipped, Snapshot
from budget.amounts.money import MoneyField
from budget.limits import caps
from budget.models import Account, BudgetChange, Hold, Project, RoundSpend
from workspaces import activity
from workspaces.access import Caller

__all__ = ["Change", "Outcome", "Skipped", "preview", "run", "snapshot"]

Source = BudgetChange.Source
HISTORY = 200  # newest sessions whose entries tell what is usual
OPEN = ("pending", "in_progress", "blocked")
BATCH = 200  # rows in one statement: SQLite takes only so many parameters


class Outcome(NamedTuple):
    """What changed, or in a dry run would change. Micro-USD. `skipped`: locked before, or changed by someone meanwhile."""

    changes: tuple[Change, ...]
    skipped: tuple[Skipped, ...]
    pool: int
    unallocated: int


def preview(workspace_id: str) -> Outcome:
    """What `run` would do now. Four queries, and nothing is locked."""
    done = sharing.allocate(_look(workspace_id))
    return Outcome(done.changes, done.skipped, done.pool, done.unallocated)


def run(workspace_id: str, *, by: Caller, dry_run: bool = False, source: Source = Source.ALLOCATION) -> Outcome:
    """Share the money that is left out anew. It looks first without a lock: most of the time there is nothing to change."""
    seen = preview(workspace_id)
    if dry_run or not seen.changes:
        return seen
    with transaction.atomic():
        done = sharing.allocate(_look(workspace_id, lock=True))
        changed, beaten = _carry_out(done.changes)
        freed = sum(one.before - one.after for one in done.changes) - sum(one.before - one.after for one in changed)
        outcome = Outcome(tuple(changed), (*done.skipped, *beaten), done.pool, max(done.unallocated - freed, 0))
        if changed:
            _record(workspace_id, outcome, by=by, source=source)
    return outcome


def _look(workspace_id: str, *, lock: bool = False) -> Snapshot:
    at = policy.of(workspace_id, lock=lock)
    return snapshot(Project.objects.get(pk=workspace_id), at)


def snapshot(project: Project, at: Policy) -> Snapshot:
    """Two queries: the money of a workspace as the allocation sees it: its open entries, and the ended ones that have something to give back.

    The project comes in the same statement as the accounts, so that a charge in between cannot be counted as left by both."""
    asking = Q(entry__status__in=OPEN)
    giving = Q(entry__status__in=sharing.ENDED, budget__gt=F("spent") + F("held"))
    alive = Account.objects.filter(asking | giving, project=project, entry__deleted_at__isnull=True)
    accounts = list(
        alive.select_related("entry", "project").only("budget", "spent", "held", "human_locked", *_OF_ENTRY, *_OF_PROJECT)
    )
    project = accounts[0].project if accounts else project
    running = {one.pk for one in accounts if one.entry.status == "in_progress"}
    newest = Hold.objects.filter(project=project).order_by("-id").values("account_id")[:HISTORY]
    mine = RoundSpend.objects.filter(account__project=project, account__entry__status__in=OPEN)
    others = RoundSpend.objects.filter(account_id__in=newest).exclude(account__entry__status__in=OPEN)
    made = _rounds((mine, others), running)
    waiting_or_at_work = {one.pk for one in accounts if one.entry.status in OPEN}
    return Snapshot(
        total_budget=project.total_budget,
        max_project_spend=project.max_project_spend,
        spent=project.total_spent,
        held=project.held,
        min_round=at.min_round,
        round_ceiling=at.round_ceiling,
        plateau_rounds=at.plateau_rounds,
        plateau_epsilon=at.plateau_epsilon,
        history=tuple(rounds for id_, rounds in made.items() if id_ not in waiting_or_at_work),
        rows=tuple(_row(one, made.get(one.pk, ()), at) for one in accounts),
    )


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


def _row(account: Account, rounds: tuple[Round, ...], at: Policy) -> Row:
    entry = account.entry
    waiting = entry.status == "blocked" and entry.reason_code in at.no_funding
    return Row(
        id=account.pk,
        seq=entry.seq,
        priority=entry.priority,
        status="waiting" if waiting else {"in_progress": "running"}.get(entry.status, entry.status),
        budget=account.budget,
        spent=account.spent,
        held=account.held,
        most=at.round_ceiling * entry.budget_rounds,
        locked=account.human_locked,
        ready=entry.unmet_dependencies == 0,
        rounds_left=max(entry.budget_rounds - entry.rounds_completed, 0),
        counted=entry.rounds_completed,
        rounds=rounds,
    )


def _rounds(found: tuple[QuerySet[RoundSpend], QuerySet[RoundSpend]], running: set[str]) -> dict[str, tuple[Round, ...]]:
    """By account, in order: two sets that share none, read as one. The round that is going on says nothing yet."""
    made: dict[str, list[Round]] = defaultdict(list)
    ours, others = (rows.order_by().values_list("account_id", "number", "cost", "improvement_score") for rows in found)
    for id_, _, cost, gain in ours.union(others, all=True).order_by("account_id", "number"):
        made[id_].append(Round(cost, gain))
    for id_ in running & made.keys():
        if made[id_][-1].gain is None:
            made[id_].pop()
    return {id_: tuple(rounds) for id_, rounds in made.items()}


def _carry_out(changes: Sequence[Change]) -> tuple[list[Change], list[Skipped]]:
    """The changes that still fit their accounts, and who was faster. Accounts are locked in the order of their ids."""
    wanted = {change.account_id: change for change in changes}
    changed: list[Change] = []
    beaten: list[Skipped] = []
    for ids in _batches(sorted(wanted)):
        rows = Account.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
        fits = {}
        for row in rows:
            change = wanted[row.pk]
            if row.human_locked:
                beaten.append(Skipped(row.pk, f"Locked at {amounts.format_usd(row.budget)} by {row.locked_by} meanwhile"))
            elif row.budget != change.before or change.after < row.spent + row.held:
                beaten.append(Skipped(row.pk, "Its money changed meanwhile: looked at again the next time"))
            else:
                fits[row.pk] = change
        new_budgets = Case(*(When(pk=id_, then=Value(change.after)) for id_, change in fits.items()), output_field=MoneyField())
        if fits:  # the condition stands in the statement as well: the database says no, even if this code forgets
            Account.objects.filter(pk__in=fits, human_locked=False).update(budget=new_budgets)
        changed += fits.values()
    return changed, beaten


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
