"""A remote that cannot be used: who waits and why, who goes on, and when all is well again."""

import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from orchestration.executor import explain
from orchestration.models import Entry, Executor, Integration, Session, Worker
from orchestration.repositories import remote as remote_module
from orchestration.worker import availability
from orchestration.worker.lander import base_branch, pushing
from orchestration.worker.preparing import workbench
from tests.factories import an_entry
from tests.orchestration.git.repositories import git
from tests.orchestration.repositories import remotes
from tests.orchestration.worker.sessions.shop import entry_of
from tests.orchestration.worker.shared.team import Host, Team, refs_of, shown

Make = Callable[..., Team]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((availability, "_next"), (base_branch, "_next_fetch"), (pushing, "_paused_until")):
        monkeypatch.setattr(module, name, {})


def looks_again(host: Host, work: Team) -> bool:
    availability._next.update(dict.fromkeys(availability._next, (0.0, availability.FIRST_PAUSE_S)))
    with host.acts():
        return work.workspace.pk in availability.look_again()


def why(work: Team, entry: Entry) -> str:
    """The reason why the entry waits, as the page and the API show it."""
    Worker.objects.filter(seen_at__gt=Now() - timedelta(hours=1)).update(seen_at=Now(), drain_by="")
    failed = explain.reasons(work.workspace.pk, [entry.pk])[entry.pk].why
    assert failed is not None
    return f"{failed.code}: {failed.message}"


def test_one_host_that_cannot_reach_the_remote_leaves_the_work_to_another(
    team: Make, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = remotes.local_ssh(tmp_path / "ssh", monkeypatch)
    work = team(url=f"git@127.0.0.1:{remote}")
    (folder / "refuses-key").touch()
    session = work.run(work.first)
    entry = entry_of(session)
    assert (session.outcome, entry.status, entry.crashes) == ("interrupted", "pending", 0)
    [sentence] = {w.unreachable[work.workspace.pk] for w in Worker.objects.filter(host_id=work.first.id)}
    assert sentence.startswith(f"git@127.0.0.1:{remote} could not be used: ") and "Give this host a key" in sentence
    assert not looks_again(work.first, work)
    (folder / "refuses-key").unlink()
    assert work.run(work.second, entry).outcome == "passed"
    assert looks_again(work.first, work) and not Worker.objects.exclude(unreachable={}).exists()


def test_a_remote_that_refuses_every_push_holds_its_entries_back_with_a_reason(team: Make, remote: Path) -> None:
    """Reading works: it is only back once a push is accepted."""
    work = team()
    remotes.refuses(remote, "*")
    session = work.run(work.first)
    work.run(work.second, entry_of(session))
    entry = entry_of(session)
    assert (entry.status, entry.crashes, entry.rounds_completed, entry.account.spent) == ("pending", 0, 0, 0)
    assert why(work, entry).startswith("no_host_fits: ") and "Allow this host's account to push there" in why(work, entry)
    assert not looks_again(work.first, work)
    (remote / "hooks" / "update").unlink()
    assert looks_again(work.first, work)
    assert work.run(work.first, entry).outcome == "passed"
    assert refs_of(remote, "refs/muster/hosts") == []


def test_the_only_host_that_is_online_waits_for_the_remote_too(team: Make, remote: Path) -> None:
    work = team()
    shutil.move(remote, remote.with_suffix(".away"))
    session = work.run(work.second)
    Worker.objects.filter(host_id=work.first.id).update(seen_at=Now() - timedelta(hours=2))
    assert "Look at the address" in why(work, entry_of(session))


def test_a_lander_leaves_a_lost_remote_alone_and_other_workspaces_land(
    team: Make, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = team()
    work.run(work.first)
    shutil.move(remote, remote.with_suffix(".away"))
    work.land(work.first)
    assert availability.is_lost(work.workspace.pk)
    tried: list[str] = []
    monkeypatch.setattr(remote_module.Remote, "refs", lambda self, *names: tried.append(self.url))
    work.land(work.first)
    assert tried == [] and Integration.objects.get(pk=work.workspace.pk).due


def test_landing_goes_on_where_it_was_once_the_remote_is_back(team: Make, remote: Path) -> None:
    work = team()
    session = work.run(work.first)
    shutil.move(remote, remote.with_suffix(".away"))
    work.land(work.second)
    assert (entry_of(session).status, entry_of(session).crashes) == ("in_progress", 0)
    shutil.move(remote.with_suffix(".away"), remote)
    assert looks_again(work.second, work)
    work.land(work.second)
    assert (entry_of(session).status, shown(remote, "ok")) == ("done", "yes\n")


def test_a_remote_that_takes_long_to_fail_is_tried_less_often(team: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = team()
    availability.lost(work.workspace.pk, "x could not be used")
    clock = [time.monotonic()]
    monkeypatch.setattr(availability.time, "monotonic", lambda: clock[0])

    def hangs(*_: Any) -> None:
        clock[0] += 20
        raise remote_module.Unreachable("ls-remote", "it did not answer")

    monkeypatch.setattr(availability, "_try", hangs)
    clock[0] += availability.FIRST_PAUSE_S
    assert work.workspace.pk not in availability.look_again()
    assert availability._next[work.workspace.pk][0] == clock[0] + 20 * availability.PAUSE_FACTOR


def test_one_host_alone_lands_while_its_remote_is_away_and_the_page_shows_it(team: Make, remote: Path) -> None:
    work = team()
    Worker.objects.filter(host_id=work.second.id).delete()
    shutil.move(remote, remote.with_suffix(".away"))
    entry = an_entry(work.workspace, budget="5")
    session = Session.objects.get(pk=work.run(work.first, entry).pk)
    for _ in range(2):
        base_branch._next_fetch.update({id_: (0.0, pause) for id_, (_, pause) in base_branch._next_fetch.items()})
        work.land(work.first)
    assert (session.outcome, entry_of(session).status) == ("passed", "done")
    assert git(work.clone, "show", "muster/integration:ok") == "yes"
    problem = Integration.objects.get().base_problem
    assert problem.startswith(f"New commits of {work.url} could not be fetched. Look at the address")
    shutil.move(remote.with_suffix(".away"), remote)
    base_branch._next_fetch.clear()
    work.land(work.first)
    assert Integration.objects.get().base_problem == ""


def test_a_push_that_hangs_does_not_hold_up_each_landing(team: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = team(push={"remote": "origin"})
    Worker.objects.filter(host_id=work.second.id).delete()
    clock, pushes = [time.monotonic()], []

    def hangs(*command: Any, **_: Any) -> str:
        pushes.append(command)
        clock[0] += 120
        raise pushing.git.GitError("push", "git push took longer than 120 s and was ended")

    monkeypatch.setattr(pushing.time, "monotonic", lambda: clock[0])
    bench = workbench.of_lander(work.workspace, work.config())
    monkeypatch.setattr(pushing.git, "run", hangs)
    for _ in range(3):
        pushing.push(bench, "HEAD")
    assert len(pushes) == 1
    assert "It did not answer in time" in Executor.objects.get().push_error
    pushing.push(bench, "HEAD", is_asked=True)
    clock[0] += pushing.MAX_PAUSE_S
    pushing.push(bench, "HEAD")
    assert len(pushes) == 3
