"""A person's action is seen at once: open pages are notified of what changed, and where an entry may be able to start a cycle runs soon.

Both are sent only after the commit, so a lost one costs latency alone: no other test would see it.
"""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.approval import deciding
from orchestration.backlog import content, deletion, dependencies, entries, entry_actions, entry_edits, splitting
from orchestration.backlog.entries import Draft
from orchestration.backlog.files import orphans
from orchestration.dialogue import messages, questions
from orchestration.landing import decisions, queue
from orchestration.messaging import wake_ups
from orchestration.models import Entry, FileLock, Integration, Question
from orchestration.proposals import applying
from tests.factories import ANA, a_session, a_workspace, an_entry, ended, some_entries
from tests.orchestration.approval.asked import asked
from tests.orchestration.proposals.made import ORCHESTRATOR, a_rearranging_run
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40
Act = Callable[[], Any]


def an_action(name: str, shop: Workspace) -> tuple[Act, str, bool]:
    """A person's action, the topics of pages that show it, and whether an entry may start by it."""
    if name in ("instruct", "send", "answer"):
        return _dialogue(name, shop)
    if name in ("approve", "send back", "release locks of review"):
        return _decision(name, shop)
    if name in ("apply", "reject", "undo", "reopen"):
        return _proposals(name, shop)
    if name in ("check again", "push wanted", "enqueue"):
        return _landing(name, shop)
    return _backlog(name, shop)


def _backlog(name: str, shop: Workspace) -> tuple[Act, str, bool]:
    entry, other, held, split = some_entries(shop, "Entry", Draft("Other", spec={"files_to_modify": ["a.py"]}), "Held", "Split")
    entry_actions.put_on_hold(held, by=ANA)
    FileLock.objects.create(workspace=shop, entry=other, path="a.py")
    two = [Draft("One"), Draft("Two")]
    worked = ended(a_session(an_entry(shop))).entry if name == "verify again" else other
    actions: dict[str, tuple[Act, str, bool]] = {
        "add": (lambda: entries.add(shop.pk, two, by=ANA), "budget entries", True),
        "hold": (lambda: entry_actions.put_on_hold(entry, by=ANA), "entries executor locks", True),
        "resume": (lambda: entry_actions.resume(held, by=ANA), "entries executor locks", True),
        "done": (lambda: entry_actions.mark_done(entry, by=ANA), "entries executor locks", True),
        "failed": (lambda: entry_actions.mark_failed(entry, by=ANA), "entries executor locks", True),
        "priority": (lambda: entry_actions.set_priority(entry, Entry.Priority.HIGH, by=ANA), "entries", True),
        "verify again": (lambda: entry_actions.reverify(worked, by=ANA), "entries", True),
        "delete": (lambda: deletion.delete_all([entry], by=ANA), "budget entries", True),
        "depend": (lambda: dependencies.depend(entry, other, by=ANA), "entries executor locks", True),
        "edit": (lambda: content.edit(entry, content.Change(content="New"), by=ANA), "entries executor locks", True),
        "rounds": (lambda: entry_edits.set_rounds(entry, 9, by=ANA), "entries", True),
        "parallel": (lambda: entry_edits.set_parallel(entry, parallelizable=False, by=ANA), "entries", True),
        "assign": (lambda: entry_edits.assign(entry, "bea", by=ANA), "entries", False),
        "release locks": (lambda: orphans.release(other.pk, by=ANA, reason=""), "entries locks", True),
        "split": (lambda: splitting.split(split, two, by=ANA), "budget entries executor locks", True),
    }
    return actions[name]


def _dialogue(name: str, shop: Workspace) -> tuple[Act, str, bool]:
    session = a_session(an_entry(shop))
    questions.ask(session, "1", "Which one?")
    question = Question.objects.get()
    actions: dict[str, tuple[Act, str, bool]] = {
        "instruct": (lambda: messages.instruct(session.entry, "Hurry", by=ANA), "entries workers", False),
        "send": (lambda: messages.send(session, "Hurry", by=ANA), "entries workers", False),
        "answer": (lambda: questions.answer(shop.pk, question.pk, "That one", by=ANA), "entries workers", True),
    }
    return actions[name]


def _decision(name: str, shop: Workspace) -> tuple[Act, str, bool]:
    entry = asked(shop, COMMIT).entry
    assert entry is not None
    Entry.objects.filter(pk=entry.pk).update(reason_at="2026-01-01T00:00:00Z")
    actions: dict[str, tuple[Act, str, bool]] = {
        "approve": (lambda: deciding.approve(entry, COMMIT, by=ANA), "entries executor landing locks", True),
        "send back": (lambda: deciding.send_back(entry, COMMIT, by=ANA, note="No"), "entries executor landing locks", True),
        "release locks of review": (lambda: deciding.release_locks(entry, by=ANA), "entries executor landing locks", True),
    }
    return actions[name]


def _proposals(name: str, shop: Workspace) -> tuple[Act, str, bool]:
    an_entry(shop)
    run = a_rearranging_run(shop, {"kind": "change", "entry": "#1", "priority": "critical"})
    if name == "undo":
        applying.apply(run, by=ANA)
    if name == "reopen":
        applying.reject(run, by=ANA)
    actions: dict[str, tuple[Act, str, bool]] = {
        "apply": (lambda: applying.apply(run, by=ANA), "entries executor locks workers", True),
        "undo": (lambda: applying.undo(run, by=ANA), "entries executor locks workers", True),
        "reject": (lambda: applying.reject(run, by=ANA), "workers", False),
        "reopen": (lambda: applying.reopen(run, by=ANA), "workers", False),
    }
    return actions[name]


def _landing(name: str, shop: Workspace) -> tuple[Act, str, bool]:
    entry = an_entry(shop)
    actions: dict[str, tuple[Act, str, bool]] = {
        "check again": (lambda: decisions.check_again(shop, by=ANA), "landing", False),
        "push wanted": (lambda: decisions.push(shop, by=ANA), "landing", False),
        "enqueue": (lambda: queue.enqueue(entry, COMMIT, round_=None), "landing", False),
    }
    return actions[name]


ACTIONS = (
    *("add", "hold", "resume", "done", "failed", "priority", "verify again", "delete", "depend", "edit", "rounds", "parallel"),
    *("assign", "release locks", "split", "instruct", "send", "answer", "approve", "send back", "release locks of review"),
    *("apply", "undo", "reject", "reopen", "check again", "push wanted", "enqueue"),
)


@pytest.mark.parametrize("name", ACTIONS)
def test_open_pages_and_the_executor_learn_of_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = a_workspace(approve={"mode": "always"}, orchestrator=ORCHESTRATOR, push={"remote": "origin"})
    act, topics, starts = an_action(name, shop)
    Integration.objects.update(due=False)
    changed: set[tuple[str, str]] = set()
    cycles: set[str] = set()
    monkeypatch.setattr(wake_ups, "publish_change", lambda of, *names: changed.update((of, topic) for topic in names))
    monkeypatch.setattr(wake_ups, "enqueue_cycle", cycles.add)
    act()
    assert changed == {(shop.pk, topic) for topic in topics.split()}
    assert (cycles == {shop.pk}) is starts
