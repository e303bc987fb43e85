"""A session that verifies, and the work that it is to verify: what is not there is neither verified on the base nor called done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.backlog import entry_actions
from orchestration.models import Entry, Landing, Round, Session
from orchestration.worker.preparing import newest_commit
from tests.factories import ANA, a_session, a_workspace, an_entry
from tests.orchestration.worker.sessions.shop import BRANCH, Shop, entry_of, rounds_of
from workspaces.models import Event

Make = Callable[..., Shop]
GREEN = {"verify": [{"name": "always", "run": "true"}]}
"""The base passes too: whoever verifies it alone finds nothing wrong."""


def passed_and_withdrawn(work: Shop) -> Entry:
    """An entry with verified work that did not land, and is to be verified again."""
    session = work.supervise(work.claim(an_entry(work.workspace, budget="9")))
    entry_actions.reverify(entry_of(session), by=ANA)
    return entry_of(session)


def how_done(entry: Entry) -> tuple[Any, ...]:
    entry.refresh_from_db()
    return entry.status, entry.done_way, entry.done_round


def test_work_that_is_gone_is_not_verified_on_the_base_but_done_again(shop: Make) -> None:
    work = shop("date +%N >> file", **GREEN)
    entry = passed_and_withdrawn(work)
    Round.objects.update(commit="f" * 40)
    session = work.run(entry)
    assert session.outcome == "interrupted" and "round 1 is not in the repository any more" in session.outcome_message
    assert how_done(entry) == ("pending", "", None) and entry.next_work == "implement"
    assert Event.objects.get(verb="entry.work_given_up").data["round"] == 1
    assert work.run(entry).outcome == "passed"
    assert how_done(entry) == ("done", "landed", 2) and work.merged("file") is not None


def test_work_whose_branch_was_deleted_is_verified_and_lands(shop: Make) -> None:
    work = shop("echo yes > ok")
    entry = passed_and_withdrawn(work)
    work.git("update-ref", "-d", f"refs/heads/{entry.branch}")
    assert work.run(entry).outcome == "passed"
    assert how_done(entry) == ("done", "landed", 2) and work.merged("ok") == "yes\n"


def test_an_agent_that_finds_nothing_to_do_is_done_and_its_message_has_it(shop: Make) -> None:
    work = shop("true", **GREEN)
    session = work.run()
    assert session.outcome_message == "Its agent found nothing to do" and how_done(entry_of(session)) == (
        "done",
        "nothing_to_do",
        1,
    )
    assert not Landing.objects.exists()


def test_what_has_landed_and_is_verified_again_names_the_round_that_made_it(shop: Make) -> None:
    work = shop("echo yes > ok")
    session = work.run()
    entry = entry_of(session)
    assert (*how_done(entry), entry.done_commit) == ("done", "landed", 1, work.git("rev-parse", BRANCH))
    entry_actions.reverify(entry, by=ANA)
    work.run(entry)
    assert how_done(entry) == ("done", "landed", 1) and len(rounds_of(session)) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("work", ["verify", "implement"])
def test_where_all_work_was_given_up_there_is_nothing_to_verify(work: str) -> None:
    session = a_session(an_entry(a_workspace()))
    Session.objects.filter(pk=session.pk).update(work=work)
    Entry.objects.filter(pk=session.entry_id).update(next_work=work)
    session.refresh_from_db()
    assert newest_commit.have(session, Path("/repo"), "c" * 40) is None  # it never had any
    Round.objects.filter(session=session).update(given_up=True)
    ending = newest_commit.have(session, Path("/repo"), "c" * 40)
    assert (ending and ending.message) == (newest_commit.NOTHING if work == "verify" else None)
    assert Entry.objects.get(pk=session.entry_id).next_work == "implement"
