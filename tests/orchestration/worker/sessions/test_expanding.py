"""An expander's run, by a real command in a real clone: it proposes children of an entry, or a better description of it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from budget.amounts import usd
from orchestration.backlog import entry_actions, entry_state
from orchestration.backlog.rules.transitions import Next
from orchestration.executor import reconcile
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Proposal, Round, Run, Session
from orchestration.proposals import applying, expanding, run_requests
from tests.factories import ANA, an_entry, project, some_entries
from tests.orchestration.worker.sessions.planning import answers, entries
from tests.orchestration.worker.sessions.shop import Shop
from workspaces.errors import Conflict, Invalid

CHILDREN = {
    "entries": [
        {"ref": "parse", "content": "Parse dates", "spec": {"files_to_modify": ["README"]}, "reason": "It is the larger half"},
        {"content": "Print dates", "depends_on": ["parse"]},
    ]
}


@pytest.fixture
def expanding_shop(shop: Callable[..., Shop], tmp_path: Path) -> Callable[..., Shop]:
    """Makes a workspace with an expander that gives these answers, one a turn."""

    def make(*texts: str | dict[str, Any], **config: Any) -> Shop:
        return shop(expander={"agent": {"command": answers(tmp_path, *texts)}, "run_usd": 0.5, **config})

    return make


def ask(shop: Shop, entry: Entry) -> Run:
    """A run from its request to its end, as a session worker runs it."""
    return finish(shop, expanding.expand(shop.workspace, entry, by=ANA))


def finish(shop: Shop, run: Run) -> Run:
    shop.supervise(Session.of_any_role.get(pk=run.pk))
    return run_requests.run_for(shop.workspace.pk, run.pk)


def test_an_entry_is_split_by_a_proposal(expanding_shop: Callable[..., Shop]) -> None:
    shop = expanding_shop(CHILDREN)
    entry = an_entry(shop.workspace, budget="2")
    run = ask(shop, entry)
    assert (run.session.outcome, run.session.outcome_message) == (Session.Outcome.PASSED, "It proposes 1 split")
    proposal = run.proposals.get()
    assert (proposal.kind, proposal.subject, proposal.reason) == (Proposal.Kind.SPLIT, entry, "It is the larger half")
    applying.apply(run, by=ANA)
    first, second = Entry.objects.filter(parent=entry).select_related("account").order_by("seq")
    assert (first.title, first.paths, first.account.budget) == ("Parse dates", ["README"], usd("1"))
    assert (second.title, second.unmet_dependencies) == ("Print dates", 1)
    applying.undo(run, by=ANA)
    assert not Entry.objects.get(pk=entry.pk).is_container
    assert [row.state for row in run.proposals.all()] == ["open"]


def test_its_spend_is_expansion_spend(expanding_shop: Callable[..., Shop]) -> None:
    shop = expanding_shop(CHILDREN)
    ask(shop, an_entry(shop.workspace))
    money = project(shop.workspace)
    assert (money.expansion_spent, money.orchestrator_spent, money.entry_spent, money.held) == (usd("0.01"), 0, 0, 0)


def test_it_reads_the_entry_and_the_backlog(expanding_shop: Callable[..., Shop]) -> None:
    shop = expanding_shop(CHILDREN)
    some_entries(shop.workspace, "Something else")
    run = ask(shop, an_entry(shop.workspace, content="Speak ISO\n\nEverywhere."))
    assert "#2 Speak ISO" in run.prompt and "Everywhere." in run.prompt and "#1 Something else" in run.prompt


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("I would rather not.", "The answer has no JSON object"),
        ({"entries": [{"content": "A", "budget_usd": 3}, {"content": "B"}]}, "an agent sets no amounts"),
        ({"entries": [{"content": "A", "spec": {"files_to_modify": ["../x"]}}, {"content": "B"}]}, "cannot be used"),
        ({"entries": [{"content": "A", "ref": "a", "depends_on": ["b"]}, {"content": "B", "ref": "b", "depends_on": ["a"]}]}, "wait for each other"),
        ({"entries": [{"content": "A", "depends_on": ["#1"]}, {"content": "B"}]}, "depends on `#1`, which is no ref"),
        ({"entries": [{"content": "A", "depends_on": ["#1"]}]}, "depends on `#1`"),
        ({"entries": [{"content": str(n)} for n in range(51)]}, "50 is the most"),
    ],
)  # fmt: skip
def test_a_bad_answer_is_asked_for_again_once_and_then_refused(
    expanding_shop: Callable[..., Shop], answer: Any, sentence: str
) -> None:
    shop = expanding_shop(answer, answer)
    run = ask(shop, an_entry(shop.workspace))
    assert run.session.outcome == Session.Outcome.FAILED
    assert sentence in run.problems[0]
    assert not run.proposals.exists()


def test_a_repaired_answer_is_used(expanding_shop: Callable[..., Shop]) -> None:
    shop = expanding_shop("Sorry?", CHILDREN)
    assert ask(shop, an_entry(shop.workspace)).session.outcome == Session.Outcome.PASSED


def test_a_single_entry_is_a_better_description(expanding_shop: Callable[..., Shop]) -> None:
    shop = expanding_shop(entries("Parse dates in words", spec={"acceptance_criteria": ["2h 5m is 7500"]}))
    entry = an_entry(shop.workspace)
    proposal = ask(shop, entry).proposals.get()
    assert (proposal.kind, proposal.subject, proposal.after["content"]) == (Proposal.Kind.CHANGE, entry, "Parse dates in words")


def test_what_changed_since_the_run_read_it_is_outdated(expanding_shop: Callable[..., Shop]) -> None:
    shop = expanding_shop(CHILDREN)
    entry = an_entry(shop.workspace)
    run = ask(shop, entry)
    entry_actions.put_on_hold(entry, by=ANA)
    outcome = applying.apply(run, by=ANA)
    assert [proposal.note for proposal in outcome.outdated] == [f"#{entry.seq} Do it is on hold"]
    assert not Entry.objects.filter(parent=entry).exists()


def test_it_is_asked_once_at_a_time_and_never_about_what_cannot_be_split(expanding_shop: Callable[..., Shop]) -> None:
    shop = expanding_shop(CHILDREN)
    entry, finished = an_entry(shop.workspace), an_entry(shop.workspace)
    expanding.expand(shop.workspace, entry, by=ANA)
    with pytest.raises(Conflict, match="is asked about"):
        expanding.expand(shop.workspace, entry, by=ANA)
    entry_actions.mark_done(finished, by=ANA)
    with pytest.raises(Invalid, match="cannot be split"):
        expanding.expand(shop.workspace, finished, by=ANA)


def test_without_an_expander_the_request_is_refused(shop: Callable[..., Shop]) -> None:
    plain = shop()
    with pytest.raises(Invalid, match="no expander"):
        expanding.expand(plain.workspace, an_entry(plain.workspace), by=ANA)


def test_the_config_starts_it_once_for_an_entry_that_is_too_large(expanding_shop: Callable[..., Shop]) -> None:
    shop = expanding_shop(CHILDREN, on=["no_files", "criteria"], max_criteria=1, apply="all")
    (large, small) = some_entries(shop.workspace, "Large"), an_entry(shop.workspace, files=["README"])
    (run,) = expanding.start_due(shop.workspace.pk)
    assert (run.subject, run.trigger, run.requested_by) == (large[0], Run.Trigger.TOO_LARGE, "muster")
    finish(shop, run)
    assert Entry.objects.get(pk=large[0].pk).is_container
    assert not Run.objects.filter(subject=small).exists()
    reconcile.run()
    assert Run.objects.filter(subject=large[0]).count() == 1


@pytest.mark.parametrize(("config", "plateaus"), [({}, 2), ({"plateaus": 1}, 1)])
def test_it_is_asked_after_as_many_plateaus_as_the_config_has(
    expanding_shop: Callable[..., Shop], config: dict[str, int], plateaus: int
) -> None:
    shop = expanding_shop(CHILDREN, on=["no_improvement"], **config)
    entry = an_entry(shop.workspace)
    for number in range(1, plateaus + 1):
        entry_state.move(entry_state.lock(entry), Next("blocked", Reason.NO_IMPROVEMENT, "no gain in 3 rounds"))
        asked = expanding.start_due(shop.workspace.pk)
        assert [run.trigger for run in asked] == [Run.Trigger.NO_IMPROVEMENT] * (number == plateaus)
        entry_actions.resume(entry, by=ANA)


def test_of_many_rounds_it_reads_the_newest_in_their_order(expanding_shop: Callable[..., Shop]) -> None:
    shop = expanding_shop(CHILDREN)
    entry = an_entry(shop.workspace)
    run = expanding.expand(shop.workspace, entry, by=ANA)
    Round.objects.bulk_create(
        Round(entry=entry, session_id=run.pk, number=number, verdict="failed", summary=f"step {number}")
        for number in range(1, 13)
    )
    read = re.findall(r"Round (\d+)", finish(shop, run).prompt)
    assert read == [str(number) for number in range(3, 13)]
