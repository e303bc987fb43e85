"""Random proposals, random acts of people in between, and random parts applied: what people touched stays as it is, and undo restores."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import F, Sum

from budget.models import Account
from orchestration.backlog import content, deletion, entry_actions, entry_edits
from orchestration.backlog.entries import Draft
from orchestration.executor import dispatch
from orchestration.maintenance import rebuild
from orchestration.models import Dependency, Entry, Proposal, Run
from orchestration.proposals import applying, overview, pictures
from orchestration.proposals.answering import change_answers
from tests.factories import ANA, a_worker, a_workspace, some_entries
from tests.orchestration.proposals.made import ORCHESTRATOR, a_rearranging_run
from tests.sampling import sample
from workspaces.errors import Refused
from workspaces.models import Workspace

SIZE = 7
RUNS = 200


def a_backlog(dice: random.Random) -> Workspace:
    """Entries that wait for earlier ones at random, one of which is at work."""
    workspace = a_workspace(orchestrator=ORCHESTRATOR, max_workers=1)
    a_worker(slots=1)
    names = [f"e{n}" for n in range(SIZE)]
    drafts = [
        Draft(name, ref=name, depends_on=tuple(sorted({dice.choice(names[:n]) for _ in range(dice.randrange(2))} if n else ())))
        for n, name in enumerate(names)
    ]
    some_entries(workspace, *drafts)
    dispatch.cycle(workspace.pk)
    return workspace


def some_changes(workspace: Workspace, dice: random.Random) -> list[dict[str, Any]]:
    """As many random changes as are good together."""
    chosen: list[dict[str, Any]] = []
    seen, _ = overview.read(workspace.pk)
    for _ in range(12):
        a, b = (f"#{n}" for n in dice.sample(range(1, SIZE + 1), 2))
        change = dice.choice(
            [
                {"kind": "change", "entry": a, "priority": dice.choice(["critical", "high", "low"])},
                {"kind": "change", "entry": a, "depends_on": [b]},
                {"kind": "change", "entry": a, "rounds": dice.randint(6, 9)},
                {"kind": "hold", "entry": a},
                {"kind": "drop", "entry": a},
                {"kind": "merge", "entry": a, "with": b},
            ]
        )
        wish = [*chosen, {"reason": "Better", **change}]
        if not change_answers.read(json.dumps({"changes": wish}), seen).problems:
            chosen = wish
    return chosen


def acts(workspace: Workspace, dice: random.Random) -> list[Callable[[Entry], Any]]:
    others = list(Entry.objects.filter(workspace=workspace, deleted_at=None))
    return [
        lambda entry: entry_actions.put_on_hold(entry, by=ANA),
        lambda entry: entry_actions.set_priority(entry, dice.choice(list(Entry.Priority)), by=ANA),
        lambda entry: entry_actions.mark_done(entry, by=ANA),
        lambda entry: entry_edits.freeze_spec(entry, by=ANA),
        lambda entry: entry_edits.set_rounds(entry, dice.randint(5, 9), by=ANA),
        lambda entry: content.edit(entry, content.Change(content=f"{entry.content}!"), by=ANA),
        lambda entry: content.edit(entry, content.Change(depends_on=(dice.choice(others).pk,)), by=ANA),
        lambda entry: Account.objects.filter(pk=entry.pk).update(human_locked=True),
        lambda entry: deletion.delete_all([entry], by=ANA),
        lambda entry: dispatch.cycle(workspace.pk),
    ]


def rows(workspace: Workspace) -> dict[str, tuple[Any, ...]]:
    """All that a proposal could change of each entry. A dependent's counter follows what it waits for, so it is left out."""
    listed = Entry.objects.filter(workspace=workspace).values_list(
        "pk", "content", "spec", "priority", "budget_rounds", "status", "reason_code", "deleted_at"
    )
    needs: dict[str, list[str]] = {}
    for waiting, other in Dependency.objects.filter(entry__workspace=workspace).values_list("entry_id", "depends_on_id"):
        needs.setdefault(waiting, []).append(other)
    return {row[0]: (*row[1:-1], row[-1] is None, tuple(sorted(needs.get(row[0], [])))) for row in listed}


def untouchable(workspace: Workspace, run: Run) -> set[str]:
    """Subjects that are at work, locked, frozen, on hold, done, deleted or changed since: by the rows, not by the code that decides."""
    read = {p.subject_id: p.before for p in run.proposals.all()}
    read |= {p.after["with"]: p.before["other"] for p in run.proposals.all() if p.before and "with" in p.after}
    found_now = pictures.read(workspace.pk, [pk for pk in read if pk])
    kept = set()
    for entry in Entry.objects.filter(pk__in=[pk for pk in read if pk]).annotate(is_locked=F("account__human_locked")):
        before: Any = read[entry.pk]
        is_same = entry.deleted_at is None and all(found_now[entry.pk].values[key] == before[key] for key in pictures.NAMES)
        idle = entry.status not in ("in_progress", "done") and not entry.on_hold
        if not is_same or not idle or entry.is_locked or entry.spec_frozen:
            kept.add(entry.pk)
    return kept


def money(workspace: Workspace) -> dict[str, Any]:
    return Account.objects.filter(project_id=workspace.pk).aggregate(spent=Sum("spent"), held=Sum("held"))


@pytest.mark.django_db
@pytest.mark.parametrize("first", range(0, RUNS, 50))
def test_what_people_touched_stays_and_undo_restores(first: int) -> None:
    for seed in sample(range(first, first + 50), 10):
        dice = random.Random(seed)
        workspace = a_backlog(dice)
        run = a_rearranging_run(workspace, *some_changes(workspace, dice))
        for _ in range(dice.randrange(4)):
            alive = list(Entry.objects.filter(workspace=workspace, deleted_at=None))
            try:
                dice.choice(acts(workspace, dice))(dice.choice(alive))
            except Refused:
                pass
        before, kept, sums = rows(workspace), untouchable(workspace, run), money(workspace)
        open_ = [proposal.pk for proposal in run.proposals.all() if dice.random() < 0.8]
        if not open_:
            continue
        applying.apply(run, by=ANA, only=open_)
        after = rows(workspace)
        subjects = {p.subject_id for p in Proposal.objects.filter(run=run, state="applied")}
        assert not subjects & kept, seed
        for pk in kept:
            assert after[pk][:5] == before[pk][:5] and after[pk][-2] == before[pk][-2], seed
        assert not [drift for drift in rebuild.find(workspace.pk) if after[drift.id][-2]], seed
        assert money(workspace) == sums, seed
        if subjects:
            applying.undo(run, by=ANA)
            assert rows(workspace) == before, seed
            assert not [drift for drift in rebuild.find(workspace.pk) if before[drift.id][-2]], seed
