"""Shares follow what their entries reserve, and come back from entries that do not go on."""

from collections.abc import Collection, Iterable, Mapping

from django.db import IntegrityError
from django.db.models import F, QuerySet

from budget.models import Account, Project
from orchestration.facts.reasons import RETURNS_SHARE
from orchestration.funding import changes, first_rounds, pool
from orchestration.models import Entry

MORE = "its session reserves more than its share"
LESS = "entries that start or grow before it need it"


def raise_shares(workspace_id: str, reservations: Mapping[str, int]) -> None:
    """Raise shares to what their entries reserve next (micro-USD), out of the plan's spare money, then of the idle shares that stand last
    in line. Budgets that a person set or locked stay.

    The caller's transaction holds the executor's row, and has checked that the plan has the money. All accounts are locked here, in the
    order of their ids, before the reservations lock the project. Raises IntegrityError where a charge came between: try again.
    """
    project = Project.objects.get(pk=workspace_id)
    expected = _missing(workspace_id, Account.objects.filter(pk__in=reservations), reservations)
    givers = first_rounds.idle_shares(project, expected, reservations)
    rows = {row.pk: row for row in changes.locked({*givers, *reservations})}
    missing = _missing(workspace_id, [rows[pk] for pk in reservations if pk in rows], reservations)
    loose = [(rows[pk], rows[pk].headroom - reservations.get(pk, 0)) for pk in givers if pk in rows]
    taken = first_rounds.take(project, loose, missing, LESS)
    if missing > expected and sum(taken.values()) < missing:
        raise IntegrityError("a charge came between: the shares have to be read again")
    raised = [
        (row, row.spent + row.held + reservations[row.pk])
        for row in rows.values()
        if not row.own_budget and row.headroom < reservations.get(row.pk, 0)
    ]
    changes.write(project, raised, MORE)


def _missing(workspace_id: str, accounts: Iterable[Account], reservations: Mapping[str, int]) -> int:
    """The amount that shares lack of their reservations beyond the plan's spare money."""
    shares = [account for account in accounts if not account.own_budget and not account.human_locked]
    lacking = sum(max(reservations[account.pk] - max(account.headroom, 0), 0) for account in shares)
    return lacking - pool.spare(workspace_id)


def idle(workspace_id: str) -> QuerySet[Account]:
    """Accounts on a plateau or on hold that have something left of their share."""
    return Account.objects.filter(
        project_id=workspace_id,
        own_budget=False,
        human_locked=False,
        budget__gt=F("spent") + F("held"),
        entry__workspace_id=workspace_id,
        entry__status=Entry.Status.BLOCKED,
        entry__reason_code__in=RETURNS_SHARE,
    )


def give_back(workspace_id: str, entry_ids: Collection[str] | None = None) -> int:
    """Shares of entries on a plateau or on hold go back to the plan; they get one again when they go on. Budgets that a person set or
    locked stay. The caller's transaction holds the executor's row. Returns how many changed."""
    accounts = idle(workspace_id) if entry_ids is None else idle(workspace_id).filter(pk__in=list(entry_ids))
    ids = list(accounts.values_list("pk", flat=True))
    if not ids:
        return 0
    rows = changes.locked(ids)
    project = Project.objects.get(pk=workspace_id)
    return changes.write(
        project, [(row, row.spent + row.held) for row in rows], "it does not go on by itself, so its share goes to others"
    )
