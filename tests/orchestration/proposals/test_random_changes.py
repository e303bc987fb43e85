"""Random proposals, random acts of people in between, and random parts applied: what people touched stays as it is, budgets of entries that
are split add up to the micro-dollar, and undo restores."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db.models import F, Sum

from budget.limits import caps, dividing
from budget.models import Account
from orchestration.backlog import content, deletion, entry_actions, entry_edits, splitting
from orchestration.backlog.entries import Draft
from orchestration.executor import dispatch
from orchestration.maintenance import rebuild
from orchestration.models import Dependency, Entry, Proposal, Run
from orchestration.proposals import applying, overview
from orchestration.proposals.answering import change_answers
from orchestration.proposals.context import snapshots
from tests.factories import ANA, a_charge, a_worker, a_workspace, some_entries
from tests.orchestration.proposals.made import ORCHESTRATOR, a_rearranging_run
from tests.sampling import sample
from workspaces.errors import Refused
from workspaces.models import Workspace

SIZE = 7
RUNS = 200
STATE = {"status", "reason_code"}


def a_backlog(dice: random.Random) -> Workspace:
    """Entries that wait for earlier ones at random, some with money of their own, one split already, and one at work."""
    workspace = a_workspace(orchestrator=ORCHESTRATOR, max_workers=1)
    names = [f"e{n}" for n in range(SIZE)]
    drafts = [
        Draft(
            name,
            ref=name,
            depends_on=tuple(sorted({dice.choice(names[:n]) for _ in range(dice.randrange(2))} if n else ())),
            budget=dice.choice([None, dice.randint(100_000, 3_000_000)]),
        )
        for n, name in enumerate(names)
    ]
    rows = some_entries(workspace, *drafts)
    for entry in dice.sample(rows, 2):
        a_charge(entry, "0.012345")
    splitting.split(dice.choice(rows), [Draft("c0", ref="c"), Draft("c1", depends_on=("c",)), Draft("c2")], by=ANA)
    a_worker(slots=1)
    dispatch.cycle(workspace.pk)
    return workspace


def some_changes(workspace: Workspace, dice: random.Random) -> list[dict[str, Any]]:
    """Up to twelve random changes that are good together."""
    chosen: list[dict[str, Any]] = []
    seen, _ = overview.read(workspace.pk)
    for _ in range(12):
        a, b = (f"#{n}" for n in dice.sample(range(1, SIZE + 4), 2))
        change = dice.choice(
            [
                {"kind": "change", "entry": a, "priority": dice.choice(["critical", "high", "low"])},
                {"kind": "change", "entry": a, "depends_on": [b]},
                {"kind": "change", "entry": a, "rounds": dice.randint(6, 9)},
                {"kind": "hold", "entry": a},
                {"kind": "drop", "entry": a},
                {"kind": "merge", "entry": a, "with": b},
                {"kind": "split", "entry": a, "entries": [{"content": "p0", "ref": "p"}, {"content": "p1", "depends_on": ["p"]}]},
                {
                    "kind": "split",
                    "entry": a,
                    "entries": [{"content": "q0"}, {"content": "q1", "depends_on": [b]}, {"content": "q2"}],
                },
            ]
        )
        wish = [*chosen, {"reason": "Better", **change}]
        if not change_answers.read(json.dumps({"changes": wish}), seen).problems:
            chosen = wish
    return chosen


def acts(workspace: Workspace, dice: random.Random) -> list[Callable[[Entry], Any]]:
    others = list(Entry.objects.filter(workspace=workspace, deleted_at=None).order_by("seq"))
    return [
        lambda entry: entry_actions.put_on_hold(entry, by=ANA),
        lambda entry: entry_actions.set_priority(entry, dice.choice(list(Entry.Priority)), by=ANA),
        lambda entry: entry_actions.mark_done(entry, by=ANA),
        lambda entry: entry_edits.freeze_spec(entry, by=ANA),
        lambda entry: entry_edits.set_rounds(entry, dice.randint(5, 9), by=ANA),
        lambda entry: content.edit(entry, content.Change(content=f"{entry.content}!"), by=ANA),
        lambda entry: content.edit(entry, content.Change(depends_on=(dice.choice(others).pk,)), by=ANA),
        lambda entry: Account.objects.filter(pk=entry.pk).update(human_locked=True),
        lambda entry: caps.edit(entry.account, dice.randint(200_000, 4_000_000), by=ANA),
        lambda entry: deletion.delete_all([entry], by=ANA),
        lambda entry: splitting.split(entry, [Draft("d0"), Draft("d1")], by=ANA),
        lambda entry: splitting.undo(entry, by=ANA),
        lambda entry: dispatch.cycle(workspace.pk),
    ]


def rows(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """All that a proposal could change of each entry. A dependent's counter follows what it waits for, so it is left out."""
    names = ("content", "spec", "priority", "budget_rounds", "status", "reason_code", "deleted_at", "parent_id", "is_container")
    listed = {row.pop("pk"): row for row in Entry.objects.filter(workspace=workspace).values("pk", *names)}
    for row in listed.values():
        row |= {"deleted_at": row["deleted_at"] is not None, "needs": set()}
    for waiting, other in Dependency.objects.filter(entry__workspace=workspace).values_list("entry_id", "depends_on_id"):
        listed[waiting]["needs"].add(other)
    return listed


def own_budgets(workspace: Workspace) -> dict[str, int]:
    """The accounts with money that a person gave. Shares of the plan follow what is on the backlog."""
    return dict(Account.objects.filter(project_id=workspace.pk, own_budget=True).values_list("pk", "budget"))


def given(workspace: Workspace) -> dict[str, int]:
    """The money that people gave to each entry of the top, with all below it."""
    top = Account.objects.filter(project_id=workspace.pk, own_budget=True, entry__parent=None)
    return {account.pk: dividing.total(account) for account in top}


def untouchable(workspace: Workspace, run: Run) -> set[str]:
    """Subjects that are at work, split, locked, frozen, on hold, done, deleted or changed since: by the rows, not by the code that decides."""
    read = {p.subject_id: p.before for p in run.proposals.all()}
    read |= {p.after["with"]: p.before["other"] for p in run.proposals.all() if p.before and "with" in p.after}
    found_now = snapshots.read(workspace.pk, [pk for pk in read if pk])
    kept = set()
    for entry in Entry.objects.filter(pk__in=[pk for pk in read if pk]).annotate(is_locked=F("account__human_locked")):
        before: Any = read[entry.pk]
        is_same = entry.deleted_at is None and all(found_now[entry.pk].values[key] == before[key] for key in snapshots.NAMES)
        idle = entry.status not in ("in_progress", "done") and not entry.on_hold and not entry.is_container
        if not is_same or not idle or entry.is_locked or entry.spec_frozen:
            kept.add(entry.pk)
    return kept


def locked_budgets(workspace: Workspace) -> dict[str, int]:
    """The budgets of entries that people locked; what an entry has that is split is its children's."""
    alive = Account.objects.filter(project_id=workspace.pk, human_locked=True, entry__is_container=False, entry__deleted_at=None)
    return dict(alive.values_list("pk", "budget"))


def money(workspace: Workspace) -> dict[str, Any]:
    return Account.objects.filter(project_id=workspace.pk).aggregate(spent=Sum("spent"), held=Sum("held"))


def some_acts(workspace: Workspace, dice: random.Random) -> None:
    for _ in range(dice.randrange(4)):
        alive = list(Entry.objects.filter(workspace=workspace, deleted_at=None).order_by("seq"))
        with suppress(Refused):
            dice.choice(acts(workspace, dice))(dice.choice(alive))


def drift(workspace: Workspace) -> list[rebuild.Drift]:
    alive = set(Entry.objects.filter(workspace=workspace, deleted_at=None).values_list("pk", flat=True))
    return [each for each in rebuild.find(workspace.pk) if each.id in alive]


@pytest.mark.django_db
@pytest.mark.parametrize("first", range(0, RUNS, 10))
def test_what_people_touched_stays_and_undo_restores(first: int) -> None:
    for seed in sample(range(first, first + 10), 2):
        dice = random.Random(seed)
        workspace = a_backlog(dice)
        run = a_rearranging_run(workspace, *some_changes(workspace, dice))
        some_acts(workspace, dice)
        before, kept, sums = rows(workspace), untouchable(workspace, run), money(workspace)
        locked, own, tops = locked_budgets(workspace), own_budgets(workspace), given(workspace)
        open_ = [proposal.pk for proposal in run.proposals.all() if dice.random() < 0.8]
        if not open_:
            continue
        applying.apply(run, by=ANA, only=open_)
        after = rows(workspace)
        applied = list(Proposal.objects.filter(run=run, state="applied"))
        assert not {p.subject_id for p in applied} & kept, seed
        for pk in kept:
            unchanged = before[pk].keys() - (STATE if before[pk]["is_container"] else {"reason_code"})
            assert {name: after[pk][name] for name in unchanged} == {name: before[pk][name] for name in unchanged}, seed
        assert {pk: amount for pk, amount in locked_budgets(workspace).items() if pk in locked} == locked, seed
        assert not drift(workspace), seed
        assert (money(workspace), given(workspace)) == (sums, tops), seed
        if applied:
            applying.undo(run, by=ANA)
            restored = rows(workspace)
            assert {pk: restored[pk] for pk in before} == before, seed
            assert all(row["deleted_at"] for pk, row in restored.items() if pk not in before), seed
            assert {pk: amount for pk, amount in own_budgets(workspace).items() if pk in own} == own, seed
            assert (money(workspace), given(workspace)) == (sums, tops), seed
            assert not drift(workspace), seed
