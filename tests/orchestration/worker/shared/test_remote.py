"""A workspace that was added by URL, on two hosts: its remote is what they share."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from orchestration.backlog import entry_actions
from orchestration.models import Entry, Integration, Landing, Session
from orchestration.repositories import remote as remote_
from orchestration.sessions import Superseded
from orchestration.worker import reaper
from orchestration.worker.preparing import sharing
from tests.factories import ANA, CLOSED, an_entry
from tests.orchestration.git.repositories import git
from tests.orchestration.repositories import remotes
from tests.orchestration.worker.sessions.shop import BRANCH, entry_of
from tests.orchestration.worker.shared.team import Team, refs_of, shown

Make = Callable[..., Team]

TWO_ROUNDS = "echo $MUSTER_ROUND >> rounds; if [ $MUSTER_ROUND = 2 ]; then echo yes > ok; fi"


@pytest.fixture(params=["file", "http", "ssh"])
def url(request: pytest.FixtureRequest, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The remote's address, by each way to it."""
    if request.param == "file":
        yield remote.as_uri()
    elif request.param == "ssh":
        remotes.local_ssh(tmp_path / "ssh", monkeypatch)
        yield f"git@127.0.0.1:{remote}"
    else:
        with remotes.http_server(tmp_path) as address:
            yield f"{remotes.with_password(address)}/{remote.name}"


def test_an_entry_goes_on_on_another_host_and_lands_at_the_remote(team: Make, url: str, remote: Path) -> None:
    work = team(TWO_ROUNDS, url=url)
    first = work.run(work.first)
    assert (first.outcome, shown(remote, "rounds", f"refs/muster/entries/{first.entry_id}")) == ("failed", "1\n")
    second = work.run(work.second, entry_of(first))
    assert (second.outcome, second.attempt) == ("passed", 2)
    work.land(work.second)
    assert (entry_of(first).status, shown(remote, "rounds"), shown(remote, "ok")) == ("done", "1\n2\n", "yes\n")
    assert git(remote, "rev-parse", BRANCH) == Integration.objects.get().tip


def test_a_host_that_comes_back_late_overwrites_nothing(team: Make, remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was cut off when its agent was done, before it could share the work: that is done anew elsewhere."""
    work = team("echo $MUSTER_SESSION_ID > who; echo yes > ok")
    session, publish = work.claim(work.first, an_entry(work.workspace, budget="20")), sharing.publish
    others: list[Session] = []

    def late(mine: Session) -> None:
        monkeypatch.setattr(sharing, "publish", publish)
        Session.objects.filter(pk=mine.pk).update(lease_until=Now() - timedelta(hours=1))
        with work.second.acts():
            assert reaper.reap() == 1
        others.append(work.run(work.second, entry_of(mine)))
        with pytest.raises(Superseded):
            publish(mine)
        raise Superseded(mine.pk)

    monkeypatch.setattr(sharing, "publish", late)
    work.supervise(work.first, session)
    work.land(work.first)
    assert (session.outcome, others[0].outcome, shown(remote, "who")) == ("lost", "passed", f"{others[0].pk}\n")


def test_what_a_person_pushes_meanwhile_is_not_overwritten(team: Make, remote: Path, tmp_path: Path) -> None:
    work = team()
    work.run(work.first)
    place = tmp_path / "person"
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(remote), str(place))
    git(place, "checkout", "--quiet", "-b", BRANCH)
    (place / "theirs").write_text("1")
    git(place, "add", "-A")
    git(place, "commit", "--quiet", "-m", "theirs")
    git(place, "push", "--quiet", "origin", f"+{BRANCH}")
    work.land(work.second)
    work.land(work.second)
    assert (shown(remote, "theirs"), shown(remote, "ok")) == ("1", "yes\n")


def test_a_session_on_another_host_may_begin_before_the_branch_is_judged(team: Make) -> None:
    work = team()
    Integration.objects.update(tip="", delivered="", state=Integration.State.UNKNOWN)
    assert work.run(work.second).outcome == "passed"


def test_a_remote_that_accepts_branches_alone_is_remembered_until_it_accepts_more(
    team: Make, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_, "_refused_at", {remote.as_uri(): -remote_.APART_S})
    remotes.refuses(remote, "refs/muster/*")
    work = team(TWO_ROUNDS)
    first = work.run(work.first)
    assert Integration.objects.get().only_branches
    assert shown(remote, "rounds", f"muster/wip/{first.entry_id}") == "1\n"
    assert work.run(work.second, entry_of(first)).outcome == "passed"
    work.land(work.second)
    assert (entry_of(first).status, shown(remote, "rounds")) == ("done", "1\n2\n")
    assert refs_of(remote, "refs/muster") == []
    for is_forgotten in (False, True):
        with work.first.acts():
            sharing.tidy_all(but=())
        assert Integration.objects.get().only_branches is not is_forgotten
        (remote / "hooks" / "update").unlink(missing_ok=True)
    assert refs_of(remote, "refs/muster") == []


def test_work_lands_that_was_shared_before_its_remote_was_taken_for_one_of_branches_alone(team: Make, remote: Path) -> None:
    work = team()
    first = work.run(work.first)
    Integration.objects.update(only_branches=True)
    work.land(work.second)
    assert (entry_of(first).status, shown(remote, "ok")) == ("done", "yes\n")


@pytest.mark.parametrize("only_branches", [False, True])
def test_the_remote_keeps_no_ref_of_what_has_landed(team: Make, remote: Path, only_branches: bool) -> None:
    if only_branches:
        remotes.refuses(remote, "refs/muster/*")
    work = team()
    first = work.run(work.second)
    other = an_entry(work.workspace, budget="5")
    work.run(work.first, other)
    Entry.objects.filter(pk=other.pk).update(status=Entry.Status.BLOCKED, reason_code="human_hold")
    Landing.objects.filter(entry=other).delete()
    work.land(work.first)
    assert entry_of(first).status == "done"
    assert [ref.rpartition("/")[2] for ref in refs_of(remote) if "entry_" in ref] == [other.pk]


def test_it_removes_refs_of_what_a_person_ended(team: Make, remote: Path, settings: Any) -> None:
    work = team(TWO_ROUNDS)
    done, deleted, restored = (work.run(work.first).entry_id for _ in range(3))
    Entry.objects.filter(pk=done).update(**CLOSED)
    Entry.objects.filter(pk=deleted).update(deleted_at=Now() - timedelta(days=settings.KEEP_DAYS + 1))
    Entry.objects.filter(pk=restored).update(deleted_at=Now())
    with work.first.acts():
        sharing.tidy_all(but=())
    assert refs_of(remote, "refs/muster/entries/") == [f"refs/muster/entries/{restored}"]


def test_a_reopened_entry_goes_on_from_what_landed(team: Make, remote: Path) -> None:
    work = team("echo $MUSTER_ROUND >> rounds; echo yes > ok")
    first = work.run(work.first)
    work.land(work.second)
    entry_actions.resume(entry_of(first), by=ANA)
    assert work.run(work.second, entry_of(first)).outcome == "passed"
    work.land(work.first)
    assert (entry_of(first).status, shown(remote, "rounds")) == ("done", "1\n2\n")
