"""The sync survives what happens twice, half-way, or not at all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from orchestration.backlog import deletion
from orchestration.configuration import secrets
from orchestration.forges.shared.interface import Check, ForgeError, Problem
from orchestration.landing import branch
from orchestration.models import Executor, Integration, PullRequest, Session
from orchestration.pull_requests import heads, requests, sync
from orchestration.worker.lander import pull_requests
from tests.factories import ANA, a_workspace, an_entry
from tests.orchestration.git.repositories import git
from tests.orchestration.pull_requests.fake import FakeForge
from tests.orchestration.pull_requests.team import Team, landing_states, row_of, state_of, verbs
from tests.orchestration.worker.lander.test_swap import Killed, kill_at
from tests.orchestration.worker.sessions.shop import entry_of, rounds_of

Make = Callable[..., Team]
WAITS = ("pending", "waiting_for_merge")


def after_the_kill(group: Team) -> None:
    """Once the process that was killed looks no longer."""
    PullRequest.objects.update(look_until=now() - timedelta(seconds=1))
    group.look()


def test_a_pull_request_that_was_opened_and_not_noted_is_found_again(
    team: Make, forge: FakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = team()
    session = group.run()
    kill_at(monkeypatch, requests, "opened", after=False)
    with pytest.raises(Killed):
        group.look()
    assert row_of(session).number is None and len(forge.pulls) == 1
    after_the_kill(group)
    assert row_of(session).number == 1 and forge.calls.count("create") == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["merged", "wait"])
def test_a_look_that_was_cut_short_is_repeated(team: Make, monkeypatch: pytest.MonkeyPatch, name: str, after: bool) -> None:
    group = team()
    session = group.run()
    group.look()
    if name == "merged":
        group.merge_there()
    kill_at(monkeypatch, requests, name, after=after)
    with pytest.raises(Killed):
        group.look()
    after_the_kill(group)
    group.land()
    assert state_of(session) == (("done", "") if name == "merged" else WAITS)


def test_findings_that_were_cut_short_are_given_once(team: Make, forge: FakeForge, monkeypatch: pytest.MonkeyPatch) -> None:
    group = team()
    session = group.run()
    group.look()
    group.write("line-1", "Write a word", path="alpha", line=1)
    kill_at(monkeypatch, requests.entry_state, "move", after=False)
    with pytest.raises(Killed):
        group.look()
    assert state_of(session) == WAITS and rounds_of(session)[0].findings == []
    after_the_kill(group)
    assert len(rounds_of(session)[0].findings) == 1 and verbs(session) == ["proposed", "pull_request_sent_back"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("module", "name"), [(pull_requests, "push_due"), (pull_requests, "_push"), (heads, "push")])
def test_a_push_that_was_cut_short_is_completed(
    team: Make, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: bool
) -> None:
    group = team()
    session = group.work.supervise(group.work.claim(content="write alpha\nmore", files=["alpha"]))
    kill_at(monkeypatch, module, name, after=after)
    with pytest.raises(Killed):
        group.land()
    group.next_lander()
    row = row_of(session)
    assert state_of(session) == WAITS and row.pushed == row.head == group.at(row.branch)


def test_two_processes_look_once(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    PullRequest.objects.update(look_until=now() + timedelta(minutes=1))
    group.look()
    assert forge.calls == [] and not sync.look(row_of(session).pk)


@pytest.mark.parametrize("problem", list(Problem))
def test_an_error_is_shown_and_tried_again(team: Make, forge: FakeForge, problem: Problem) -> None:
    group = team()
    session = group.run()
    forge.error = ForgeError(problem, "The forge answered 4xx")
    group.look()
    row = row_of(session)
    assert (row.problem, row.failures, row.due) == (problem, 1, True) and row.retry_at is not None
    assert entry_of(session).reason_message == row.message and row.message.startswith("The forge answered 4xx. ")
    group.look()
    assert forge.calls.count("list_for") == 1  # not before its time
    PullRequest.objects.update(retry_at=None)
    group.look()
    assert (row_of(session).problem, row_of(session).state) == ("", "open")


def test_a_limit_is_kept(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    until = now() + timedelta(minutes=30)
    forge.error = ForgeError(Problem.RATE_LIMITED, "The forge answered 429", until=until)
    group.look()
    assert row_of(session).retry_at == until


def test_secrets_are_in_no_finding_and_in_no_pull_request(team: Make, forge: FakeForge) -> None:
    group = team()
    secrets.put(group.work.workspace.pk, "API_KEY", "sk-very-secret", by=ANA)
    session = group.work.supervise(group.work.claim(content="write alpha\nuse sk-very-secret", files=["alpha"]))
    group.land()
    forge.ci = [Check("tests", "failed", log="7")]
    forge.logs = {"7": "token sk-very-secret\n"}
    group.look()
    assert "sk-very-secret" not in forge.pulls[1].body and "[secret API_KEY]" in forge.pulls[1].body
    assert "[secret API_KEY]" in rounds_of(session)[0].findings[0] and "sk-very" not in rounds_of(session)[0].findings[0]


def test_a_log_that_cannot_be_had_is_replaced_by_the_forges_words(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    forge.ci = [Check("tests", "failed", detail="2 failed", log="7")]
    forge.log = lambda check: (_ for _ in ()).throw(ForgeError(Problem.NOT_FOUND, "gone"))  # type: ignore[method-assign]
    group.look()
    assert rounds_of(session)[0].findings[0].endswith("2 failed")


def sent_back(group: Team) -> Session:
    """Its entry is between two rounds, and its pull request is open."""
    session = group.run()
    group.look()
    group.write("line-1", "Write a word", path="alpha", line=1)
    group.look()
    return session


def others_push(group: Team, session: Session, name: str) -> str:
    branch = entry_of(session).branch
    copy = group.copy("person", branch)
    (copy / name).write_text("mine\n")
    Team.commit(copy, f"HEAD:{branch}")
    return group.at(branch)


def test_commits_that_others_push_during_a_round_are_merged_with_it(team: Make) -> None:
    group = team()
    session = sent_back(group)
    theirs = others_push(group, session, "beta")
    group.again(session)
    row = row_of(session)
    assert state_of(session) == WAITS and row.pushed == row.head == group.at(row.branch)
    assert git(group.remote, "merge-base", theirs, row.head) == theirs
    assert [git(group.remote, "show", f"{row.branch}:{name}") for name in ("alpha", "beta")] == ["2", "mine"]


def test_commits_of_others_are_not_overwritten_where_they_conflict(team: Make) -> None:
    group = team()
    session = sent_back(group)
    theirs = others_push(group, session, "alpha")
    group.again(session)
    assert group.at(row_of(session).branch) == theirs
    assert "They conflict with the newest round in alpha" in entry_of(session).reason_message


def test_a_branch_that_was_deleted_there_is_pushed_anew(team: Make) -> None:
    group = team()
    session = sent_back(group)
    git(group.remote, "update-ref", "-d", f"refs/heads/{row_of(session).branch}")
    group.again(session)
    group.land()
    assert row_of(session).head == group.at(row_of(session).branch)


def test_a_remote_that_refuses_the_branch_is_shown(team: Make) -> None:
    group = team()
    hook = group.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho GH006: protected branch >&2\nexit 1\n")
    hook.chmod(0o755)
    session = group.run()
    assert state_of(session) == WAITS
    assert entry_of(session).reason_message.endswith("Allow this host's account to push there")
    hook.unlink()
    group.land()
    assert row_of(session).pushed == group.at(row_of(session).branch)


def test_the_database_keeps_one_open_pull_request_an_entry(team: Make) -> None:
    group = team()
    row = row_of(group.run())
    with pytest.raises(IntegrityError, match=r"one_open_pull_request_per_entry|UNIQUE"), transaction.atomic():
        PullRequest.objects.create(workspace=row.workspace, entry=row.entry, branch="b", base="main", head="1")
    with pytest.raises(IntegrityError, match="what_is_open_there_has_a_number"), transaction.atomic():
        PullRequest.objects.filter(pk=row.pk).update(state="open", number=None)


def test_the_tick_wakes_a_lander_for_what_is_left_to_do(team: Make) -> None:
    group = team()
    session = group.run()
    group.look()
    Executor.objects.update(state="paused")
    for change, is_due in (
        ({}, False),
        ({"pushed": ""}, True),
        ({"foreign_head": "1" * 40}, True),
        ({"state": "merged", "merge_commit": "1" * 40}, True),
        ({"state": "merged", "merge_commit": "1" * 40, "ended_at": now()}, False),
    ):
        row = row_of(session)
        PullRequest.objects.filter(pk=row.pk).update(**change)
        Integration.objects.update(due=False)
        branch.wake_due()
        assert Integration.objects.get().due is is_due, change
        row.save()


def test_while_the_base_is_red_merged_work_waits_with_its_reason(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    group.merge_there()
    group.look()
    Integration.objects.update(base_problem="main cannot be merged", base_tip=group.at("main"))
    group.land()
    assert state_of(session) == WAITS
    assert entry_of(session).reason_message == "Merged there. main cannot be merged"


def test_a_forge_that_is_behind_its_git_changes_nothing(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    requests.adopt(row_of(session), "1" * 40)
    group.land()
    row = row_of(session)
    assert (row.foreign_head, row.head) == ("", group.at(row.branch)) and landing_states(session) == ["proposed"]


def test_a_limit_holds_for_all_pull_requests_of_the_workspace(team: Make, forge: FakeForge) -> None:
    group = team()
    group.run()
    group.run("beta")
    forge.error = ForgeError(Problem.RATE_LIMITED, "The forge answered 429")
    group.look()
    assert forge.calls == ["list_for"]


def test_an_answer_that_cannot_be_understood_keeps_no_other_waiting(team: Make, forge: FakeForge) -> None:
    group = team()
    session, other = group.run(), group.run("beta")
    forge.error = ValueError("odd")  # type: ignore[assignment]
    group.look()
    assert row_of(session).problem == "invalid" and row_of(other).state == "open"


def test_the_pull_request_of_a_deleted_entry_is_left_alone(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    deletion.delete_all([entry_of(session)], by=ANA)
    forge.calls.clear()
    group.look()
    assert forge.calls == []


def test_a_forge_is_not_asked_about_work_that_it_does_not_have_yet(team: Make, forge: FakeForge) -> None:
    """It would answer for the commit before."""
    group = team()
    session = group.run()
    assert sync.due().filter(entry=session.entry_id).exists()
    PullRequest.objects.update(pushed="0" * 40)
    assert not sync.due().exists() and sync.run_due() == 0 and forge.calls == []


def test_a_limit_puts_off_no_pull_request_of_another_workspace(team: Make, forge: FakeForge) -> None:
    """It has another forge, or another account there."""
    group, others = team(), an_entry(a_workspace(name="Other"))
    session = group.run()
    fields = {"number": 9, "forge_id": "9", "state": "open", "head": "1" * 40, "pushed": "1" * 40, "branch": "b", "base": "main"}
    other = PullRequest.objects.create(workspace=others.workspace, entry=others, due=False, looked_at=now(), **fields)
    forge.error = ForgeError(Problem.RATE_LIMITED, "The forge answered 429")
    assert sync.look(row_of(session).pk)
    other.refresh_from_db()
    assert row_of(session).retry_at is not None and other.retry_at is None
