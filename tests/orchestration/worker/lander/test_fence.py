"""A lander that was frozen for longer than its lease and then goes on: its successor has landed meanwhile, and nothing of it is undone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils.timezone import now

from orchestration.landing import branch
from orchestration.models import Entry, Integration, IntegrationCommit, Landing, TreeVerdict
from orchestration.worker.heartbeat import Heartbeat
from orchestration.worker.lander import batches, judging, pushing, refs, refusals, runner, swap
from orchestration.worker.lander.service import Service
from tests.orchestration.worker.sessions.shop import BRANCH, Shop
from workspaces.models import Event

Make = Callable[..., Shop]

AGENT = 'echo $MUSTER_ROUND > "$(head -1 $MUSTER_SPEC_FILE | sed "s/.*write \\([a-z0-9]*\\).*/\\1/")"'
TOGETHER = [{"name": "pair", "run": "test ! -e old || test ! -e new"}]


class Successor:
    """Another worker process. It takes the lease, which has run out, and lands everything."""

    def __init__(self, work: Shop) -> None:
        self.work = work
        self.service = Service(Heartbeat("sessions", slots=1).worker)
        self.landed = False

    def takes_over(self) -> None:
        Integration.objects.filter(pk=self.work.workspace.pk).update(lease_until=now() - timedelta(seconds=2))
        assert self.service.run(self.work.workspace.pk)
        self.landed = True


def takes_over_at(monkeypatch: pytest.MonkeyPatch, successor: Successor, module: Any, name: str, *, after: bool) -> None:
    """The first lander freezes before or after its first call of this function."""
    original = getattr(module, name)

    def frozen(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(module, name, original)
        result = original(*args, **kwargs) if after else None
        successor.takes_over()
        return result if after else original(*args, **kwargs)

    monkeypatch.setattr(module, name, frozen)


# Each freezes the lander before the call, or after it where what it has read or started is used afterwards.
POINTS = [
    (swap, "_intend", "before"), (swap, "finish", "before"), (refs, "own_value", "after"), (refs, "_move", "before"), (refs, "deliver", "before"),
    (pushing, "push", "before"), (swap, "_complete", "before"), (batches, "_remove_worktrees", "before"), (judging, "judge", "after"),
    (runner.agent_process, "start", "after"), (refusals, "refuse", "before"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name", "when"), POINTS, ids=[f"{when}-{name}" for _, name, when in POINTS])
def test_nothing_lands_twice_or_is_undone_when_two_landers_believe_that_they_hold_the_lease(
    shop: Make, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, when: str
) -> None:
    work = shop(AGENT, verify=TOGETHER, max_workers=8, landing={"batch": 1})
    work.land()
    for file in ("alpha", "old", "new"):
        work.supervise(work.claim(content=f"write {file}"))
    successor = Successor(work)
    takes_over_at(monkeypatch, successor, module, name, after=when == "after")
    work.land()
    assert successor.landed
    work.land()
    assert [entry.status for entry in Entry.objects.order_by("seq")] == ["done", "done", "pending"]
    subjects = work.git("log", "--first-parent", "--reverse", "--format=%s", f"main..{BRANCH}").split("\n")
    assert subjects == ["#1 write alpha", "#2 write old"]
    row = Integration.objects.get()
    assert (row.state, row.tip, row.delivered, row.lease_until) == ("good", work.git("rev-parse", BRANCH), row.tip, None)
    assert work.git("rev-parse", branch.ref_of(work.workspace.pk)) == row.tip
    assert set(IntegrationCommit.objects.values_list("state", flat=True)) == {"done"}
    assert [landing.state for landing in Landing.objects.order_by("entry__seq")] == ["landed", "landed", "refused"]
    assert Event.objects.filter(verb="entry.landed").count() == 2 and Event.objects.filter(verb="entry.refused").count() == 1
    assert Entry.objects.get(seq=3).budget_rounds == 6
    assert not TreeVerdict.objects.filter(passed=False).exclude(tree__in=trees_with_both(work)).exists()
    assert list((settings.DATA_DIR / "worktrees").glob("land-*")) == []


def trees_with_both(work: Shop) -> list[str]:
    """The trees of which the check is right to say that they are red."""
    trees = set(TreeVerdict.objects.values_list("tree", flat=True))
    return [tree for tree in trees if {"old", "new"} <= set(work.git("ls-tree", "--name-only", tree).split())]
