"""Work that changes a file which another entry has locked: it is paid once, waits for that entry, and is only verified then."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestration.backlog import content, dependencies, splitting
from orchestration.backlog.changed_files import of_others
from orchestration.backlog.changed_files.of_others import MAX_FILES, wait_or_undo
from orchestration.backlog.entries import Draft
from orchestration.backlog.files import locks
from orchestration.executor import dispatch
from orchestration.models import Entry, FileLock, Session
from orchestration.worker.steps import implementing
from tests.factories import ANA, a_workspace, an_entry
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of, spends

Make = Callable[..., Shop]
AGENT = f"mkdir -p lib; echo 2 > lib/two; echo yes > ok; {spends(0.2)}"
BOTH = f"""if grep -q first $MUSTER_SPEC_FILE; then mine=a; else mine=b; fi; mkdir -p a b; touch a/$mine b/$mine ok; {spends(0.2)}
if [ $MUSTER_ROUND -gt 1 ]; then rm -f a/b; fi"""
"""The first entry has locked a, the second one b, and each changes both; in its second round only its own."""


def fresh(entry: Entry) -> Entry:
    return Entry.objects.get(pk=entry.pk)


def a_holder(workspace: Any, *files: str, **more: Any) -> Entry:
    """An entry between two rounds, with its locks. It does not go on."""
    holder = an_entry(workspace, files=files, budget="5", **more)
    FileLock.objects.bulk_create(FileLock(workspace=workspace, path=path, entry=holder) for path in files)
    Entry.objects.filter(pk=holder.pk).update(has_rounds=True, attempts=1, not_before=datetime(2999, 1, 1, tzinfo=UTC))
    return fresh(holder)


def test_finished_work_waits_for_the_entry_that_has_its_file_and_no_round_is_paid_again(shop: Make) -> None:
    work = shop(AGENT)
    holder = a_holder(work.workspace, "lib/")
    session = work.run()
    entry = entry_of(session)
    assert (session.outcome, entry.status, entry.next_work, entry.rounds_completed) == ("interrupted", "pending", "verify", 0)
    assert session.outcome_message == (
        f"files_locked: #{holder.seq} has locked lib/two: this work waits for it, and is verified then"
    )
    [kept] = rounds_of(session)
    assert (kept.verdict, kept.findings, work.git("show", f"{kept.commit}:lib/two")) == ("unverified", [], "2")
    dispatch.cycle(work.workspace.pk)
    assert fresh(entry).parked_behind == holder and not Session.objects.filter(entry=entry, status="claimed").exists()

    work.others_merge("one", "1\n")
    work.land()
    locks.release(work.workspace.pk, [holder.pk])
    second = work.run(entry)
    assert (second.work, second.outcome, fresh(entry).status, fresh(entry).account.spent) == ("verify", "passed", "done", 200_000)
    assert (work.merged("lib/two"), work.merged("one")) == ("2\n", "1\n")


def test_a_new_text_goes_to_the_agent_before_its_work_for_the_old_one_is_verified(shop: Make) -> None:
    work = shop(AGENT)
    holder = a_holder(work.workspace, "lib/")
    entry = entry_of(work.run())
    assert content.edit(entry, content.Change(priority=Entry.Priority.HIGH), by=ANA).next_work == "verify"
    assert content.edit(entry, content.Change(content="Do it otherwise"), by=ANA).next_work == "implement"
    locks.release(work.workspace.pk, [holder.pk])
    assert work.run(entry).work == "implement"


@pytest.mark.parametrize("first_ends", ["first", "second"])
def test_of_two_that_would_wait_for_each_other_the_later_one_in_line_undoes_its_changes(shop: Make, first_ends: str) -> None:
    work = shop(BOTH)
    first = an_entry(work.workspace, budget="5", content="first", files=["a/"])
    second = an_entry(work.workspace, budget="5", content="second", files=["b/", "ok"])
    sessions = {"first": work.claim(first), "second": Session.objects.get(entry=second)}
    for name in sorted(sessions, key=lambda name: name != first_ends):
        work.supervise(sessions[name])
    assert (fresh(first).next_work, fresh(second).next_work) == ("verify", "implement")
    [finding] = rounds_of(sessions["second"])[-1].findings
    assert re.fullmatch(rf"files_locked: a(/b)? belongs to {first.pk}: undo your changes to it", finding)
    work.run(second)
    work.run(first)
    assert [(fresh(entry).status, fresh(entry).account.spent) for entry in (first, second)] == [
        ("done", 200_000),
        ("done", 400_000),
    ]
    assert work.git("ls-tree", "-r", "--name-only", "muster/integration").split() == ["README", "a/a", "b/a", "b/b", "ok"]


def test_work_that_another_round_must_correct_does_not_wait(shop: Make) -> None:
    work = shop(f"echo true > check.sh; {AGENT}", verify=[{"name": "check", "run": "sh check.sh"}])
    work.others_merge("check.sh", "test -f ok\n")
    a_holder(work.workspace, "lib/")
    session = work.run()
    assert session.outcome == "failed"
    assert [text.split(":")[0] for text in rounds_of(session)[0].findings] == ["judge_changed"]


def test_work_of_which_git_refused_a_part_does_not_wait(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = implementing._commit
    monkeypatch.setattr(implementing, "_commit", lambda context: [*commit(context), "git: a part was refused"])
    work = shop(AGENT)
    a_holder(work.workspace, "lib/")
    session = work.run()
    assert (session.outcome, rounds_of(session)[0].findings) == ("failed", ["git: a part was refused"])


def test_a_file_that_work_waited_for_is_not_declared_by_it(shop: Make) -> None:
    work = shop(f"echo true > check.sh; {AGENT}", verify=[{"name": "check", "run": "sh check.sh"}])
    work.others_merge("check.sh", "test -f ok\n")
    entry = an_entry(work.workspace, budget="5")
    Entry.objects.filter(pk=entry.pk).update(taken_paths=["check.sh"])
    session = work.run(entry)
    assert session.outcome == "failed" and rounds_of(session)[0].findings[0].startswith("judge_changed: check.sh")


pytestmark = pytest.mark.django_db


def asked(entry: Entry, holder: Entry, path: str = "lib/two") -> of_others.Answer:
    return wait_or_undo(entry, {path: ("lib", holder.pk)})


def test_work_does_not_wait_for_an_entry_that_depends_on_it() -> None:
    entry = an_entry(a_workspace())
    holder = a_holder(entry.workspace, "lib/")
    assert asked(entry, holder).waits
    dependencies.depend(holder, entry, by=ANA)
    answer = asked(entry, holder)
    assert answer.findings == [f"files_locked: lib belongs to {holder.pk}: undo your changes to it"]


def test_work_does_not_wait_for_an_entry_that_waits_for_it_behind_others() -> None:
    entry = an_entry(a_workspace())
    FileLock.objects.create(workspace=entry.workspace, path="src/a", entry=entry)
    between = an_entry(entry.workspace, files=["src/"])
    holder = a_holder(entry.workspace, "lib/")
    assert asked(entry, holder).waits
    dependencies.depend(holder, between, by=ANA)
    assert asked(entry, holder).findings


def test_work_does_not_wait_for_an_entry_whose_parent_waits_for_it() -> None:
    entry = an_entry(a_workspace())
    parent = an_entry(entry.workspace)
    holder = a_holder(entry.workspace, "lib/")
    splitting.split(parent, [Draft("One"), Draft("Two")], by=ANA)
    dependencies.depend(holder, parent, by=ANA)
    child = Entry.objects.filter(parent=parent).first()
    assert child is not None and asked(child, holder).findings
    assert asked(entry, holder).waits


def test_an_entry_that_was_asked_for_the_file_by_a_person_keeps_its_claim() -> None:
    """It waits for the other's file by its own spec: its agent cannot undo that."""
    entry = an_entry(a_workspace())
    FileLock.objects.create(workspace=entry.workspace, path="src/a", entry=entry)
    holder = a_holder(entry.workspace, "lib/")
    Entry.objects.filter(pk=holder.pk).update(paths=["lib/", "src/"])
    assert asked(entry, holder).findings
    Entry.objects.filter(pk=holder.pk).update(paths=["lib/"], taken_paths=["src/"])
    assert asked(entry, holder).waits and fresh(holder).taken_paths == []


def test_work_that_changes_very_many_files_of_others_undoes_them() -> None:
    entry = an_entry(a_workspace())
    holder = a_holder(entry.workspace, "lib/")
    held = {f"lib/{n}": ("lib", holder.pk) for n in range(MAX_FILES + 1)}
    assert not wait_or_undo(entry, held).waits
    held.popitem()
    assert wait_or_undo(entry, held).waits.startswith(
        f"files_locked: #{holder.seq} has locked lib/0 and 99 more: this work waits"
    )
