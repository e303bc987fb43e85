"""A lander that is killed at any point of a landing: the next one completes it, and nothing happens twice."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.landing import branch, decisions
from orchestration.models import Integration, IntegrationCommit, Landing, Session, Worker
from orchestration.sessions.folders import session_dir
from orchestration.worker.heartbeat import Heartbeat
from orchestration.worker.lander import pushing, refs, swap
from orchestration.worker.lander.lease import Lease
from orchestration.worker.lander.service import Service
from tests.factories import ANA
from tests.orchestration.git.repositories import a_repository, git
from tests.orchestration.worker.sessions.shop import BRANCH, Shop, entry_of
from workspaces.models import Event

Make = Callable[..., Shop]


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def verified(shop: Make) -> tuple[Shop, Session]:
    work = shop("echo yes > ok", verify=[{"name": "ok", "run": "test -f ok || test ! -f never"}])
    work.land()
    session = work.supervise(work.claim())
    return work, session


def kill_at(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *, after: bool) -> None:
    original = getattr(module, name)

    def killed(*args: Any, **kwargs: Any) -> Any:
        if after:
            original(*args, **kwargs)
        monkeypatch.setattr(module, name, original)
        raise Killed

    monkeypatch.setattr(module, name, killed)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("module", "name"), [(swap, "_intend"), (swap, "finish"), (refs, "deliver"), (swap, "_complete"), (swap, "end_landed")]
)
def test_a_landing_that_was_cut_short_is_completed_once(
    verified: tuple[Shop, Session], monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: bool
) -> None:
    work, session = verified
    kill_at(monkeypatch, module, name, after=after)
    with pytest.raises(Killed):
        work.land()
    Integration.objects.update(lease_until=now() - timedelta(seconds=1))  # it has run out; nobody asks for a lander
    Service(work.heartbeat.worker).run_due()
    assert (entry_of(session).status, work.merged("ok")) == ("done", "yes\n")
    assert not (session_dir.worktrees() / session.entry_id).exists()
    assert [commit.state for commit in IntegrationCommit.objects.all()] == ["done"]
    assert Landing.objects.get().state == "landed"
    assert work.git("log", "--first-parent", "--format=%s", f"main..{BRANCH}").split("\n") == ["#1 Do it"]
    assert Event.objects.filter(verb="entry.landed").count() == 1


def test_an_intent_whose_ref_was_moved_elsewhere_is_void_and_its_landing_goes_again(verified: tuple[Shop, Session]) -> None:
    work, session = verified
    row = Integration.objects.get(pk=work.workspace.pk)
    other = work.git("commit-tree", "main^{tree}", "-m", "elsewhere")
    intent = IntegrationCommit.objects.create(
        workspace=work.workspace, old=row.tip, new=work.git("rev-parse", entry_of(session).branch), tree="x", subject="x"
    )
    Landing.objects.update(intent=intent, state="checking")
    work.git("update-ref", branch.ref_of(work.workspace.pk), other)
    fence = branch.lease(Integration.objects.get(), work.heartbeat.worker)
    assert fence is not None
    swap.recover(Lease.read(work.workspace.pk, fence, lambda: False))
    intent.refresh_from_db()
    assert (intent.state, Landing.objects.get().state) == ("void", "queued")


def test_a_lander_that_lost_its_lease_writes_nothing(verified: tuple[Shop, Session]) -> None:
    work, session = verified
    worker = work.heartbeat.worker
    fence = branch.lease(Integration.objects.get(), worker)
    assert fence is not None and branch.lease(Integration.objects.get(), worker) is None
    late = Lease.read(work.workspace.pk, fence, lambda: False)
    Integration.objects.update(lease_until=None)
    assert branch.lease(Integration.objects.get(), worker) == fence + 1
    intent = IntegrationCommit(workspace=work.workspace, old="a", new=work.git("rev-parse", "main"), subject="late")
    with pytest.raises(branch.Fenced):
        swap.land(late, intent, [])
    assert not IntegrationCommit.objects.exists()
    assert entry_of(session).status == "in_progress"


def test_a_push_on_request_survives_a_lander_that_is_killed(shop: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    remote = a_repository(tmp_path / "remote")
    work = shop(push={"remote": "origin"})
    work.git("remote", "add", "origin", str(remote))
    work.land()
    decisions.push(work.workspace, by=ANA)
    kill_at(monkeypatch, pushing, "push", after=False)
    with pytest.raises(Killed):
        work.land()
    work.land()
    assert git(remote, "rev-parse", BRANCH) == work.git("rev-parse", BRANCH)
    assert not Integration.objects.get().push_wanted


def test_muster_s_own_ref_that_a_killed_lander_or_decision_left_elsewhere_follows_the_row(
    verified: tuple[Shop, Session],
) -> None:
    work, session = verified
    work.git("update-ref", branch.ref_of(work.workspace.pk), work.git("commit-tree", "main^{tree}", "-m", "elsewhere"))
    work.land()
    assert entry_of(session).status == "done"
    assert work.git("rev-parse", branch.ref_of(work.workspace.pk)) == work.git("rev-parse", BRANCH)


def test_a_lock_that_a_power_failure_left_on_muster_s_own_ref_is_removed_and_a_fresh_one_is_not(
    verified: tuple[Shop, Session],
) -> None:
    work, session = verified
    lock = work.repo / ".git" / f"{branch.ref_of(work.workspace.pk)}.lock"
    lock.touch()
    work.land()
    assert lock.exists() and entry_of(session).status == "in_progress"
    os.utime(lock, (0, 0))
    work.land()
    work.land()
    assert not lock.exists() and entry_of(session).status == "done"
    assert [commit.state for commit in IntegrationCommit.objects.all()] == ["done"]


def test_the_lease_of_a_worker_whose_row_is_gone_is_free(verified: tuple[Shop, Session]) -> None:
    work, session = verified
    gone = Heartbeat("sessions", slots=1)
    assert branch.lease(Integration.objects.get(), gone.worker) is not None
    gone.leave()
    Service(work.heartbeat.worker).run_due()
    assert entry_of(session).status == "done"


@pytest.mark.usefixtures("verified")
def test_a_dead_lander_is_succeeded_once() -> None:
    dead = branch.lease(Integration.objects.get(), Heartbeat("sessions", slots=1).worker)
    row = Integration.objects.get()
    first, second = (branch.lease(row, Heartbeat("sessions", slots=1).worker, is_dead=True) for _ in range(2))
    assert dead is not None and (first, second) == (dead + 1, None)


def test_a_persons_push_does_not_wait_while_the_remote_rests(shop: Make, tmp_path: Path) -> None:
    remote = a_repository(tmp_path / "remote")
    work = shop(push={"remote": "origin"})
    work.git("remote", "add", "origin", str(remote))
    work.land()
    pushing._paused_until[work.workspace.pk] = time.monotonic() + 100
    work.run()
    assert BRANCH not in git(remote, "branch")
    decisions.push(work.workspace, by=ANA)
    work.land()
    assert git(remote, "rev-parse", BRANCH) == work.git("rev-parse", BRANCH)


def test_an_intent_that_others_have_built_on_is_completed(verified: tuple[Shop, Session]) -> None:
    work, session = verified
    row, landing = Integration.objects.get(pk=work.workspace.pk), Landing.objects.get()
    intent = IntegrationCommit.objects.create(
        workspace=work.workspace,
        old=row.tip,
        new=landing.commit,
        tree=work.git("rev-parse", f"{landing.commit}^{{tree}}"),
        subject="x",
    )
    Landing.objects.update(intent=intent, state="checking")
    after = work.git("commit-tree", f"{landing.commit}^{{tree}}", "-p", landing.commit, "-m", "built on it")
    work.git("update-ref", branch.ref_of(work.workspace.pk), after)
    fence = branch.lease(row, work.heartbeat.worker)
    assert fence is not None
    swap.recover(Lease.read(work.workspace.pk, fence, lambda: False))
    intent.refresh_from_db()
    assert (intent.state, Landing.objects.get().state, entry_of(session).status) == ("done", "landed", "done")


def test_a_landing_that_is_complete_is_not_completed_again(verified: tuple[Shop, Session]) -> None:
    """A slow lander of the same fence comes to the rows after its recovery did."""
    work, session = verified
    work.land()
    fence = branch.lease(Integration.objects.get(), work.heartbeat.worker)
    assert fence is not None
    lease = Lease.read(work.workspace.pk, fence, lambda: False)
    Integration.objects.update(tip="a" * 40)
    swap._complete(lease, IntegrationCommit.objects.get(), {"undelivered": ""})
    assert Integration.objects.get().tip == "a" * 40
    assert Event.objects.filter(verb="entry.landed", object_id=session.entry_id).count() == 1


def test_a_lander_of_another_host_is_not_taken_for_dead(verified: tuple[Shop, Session]) -> None:
    work, _ = verified
    other = Heartbeat("sessions", slots=1).worker
    Worker.objects.filter(pk=other.pk).update(host="elsewhere", pid=1)
    other.refresh_from_db()
    assert branch.lease(Integration.objects.get(), other) is not None
    before = Integration.objects.get().fence
    assert not Service(work.heartbeat.worker).run(work.workspace.pk)
    assert Integration.objects.get().fence == before
