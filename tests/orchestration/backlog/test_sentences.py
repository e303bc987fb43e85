"""The sentence with which an entry stops, and the state and the sentence that children give the entry above them: pure."""

from dataclasses import dataclass, replace

import pytest

from orchestration.backlog import completion
from orchestration.backlog.rules import ways
from orchestration.backlog.rules.transitions import NO_MONEY_LEFT, UNCHANGED, Next, after
from orchestration.backlog.tree import rollup
from orchestration.facts.reasons import OUT_OF_LINE
from orchestration.models import Entry
from tests.orchestration.backlog.rules.test_transitions import FACTS


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"on_hold": "Its checks cannot run", "outcome": "passed", "lands": True}, "Its checks cannot run"),
        ({"outcome": "stopped", "stopped_for_good": True, "stopped_by": "bea"}, "Its session was stopped by bea: resume the entry to continue"),
        ({"hold_after_by": "ana", "stopped_by": "bea"}, "On hold after its round, as ana asked: resume it to continue"),
        ({"outcome": "crashed", "crashes": 4, "losses": 1}, "The agent failed 3 times in a row. Last: no"),
        ({"outcome": "crashed", "crashes": 3, "verify_next": True}, "Its verification could not run 3 times in a row. Last: no"),
        ({"outcome": "lost", "crashes": 5, "losses": 4}, "Its sessions ended without a result 5 times in a row. Last: no"),
        ({"outcome": "no_change", "unchanged_in_a_row": 2}, UNCHANGED),
        ({"budget_rounds": 1}, "Its one round is used up: raise its rounds to continue"),
        ({"rounds_completed": 7}, "All 5 rounds are used up: raise its rounds to continue"),
        ({"outcome": "conflict", "conflicts_in_a_row": 2}, "no"),
        ({"improvements": [0.5, 0, 0], "plateau_rounds": 2}, "The last 2 rounds did not improve its score by 0.01"),
        ({"headroom": 20_000, "awaited": 5_000}, "$0.025 of its budget is left, a round needs $0.05: raise the entry's budget"),
        ({"headroom": -7}, "$0.00 of its budget is left, a round needs $0.05: raise the entry's budget"),
        ({"headroom": 0, "min_round": 0}, "$0.00 of its budget is left, a round needs <$0.0001: raise the entry's budget"),
        ({"headroom": 49_999, "plan_left": 49_999, "awaited": 9, "own_budget": False}, NO_MONEY_LEFT),
    ],
)  # fmt: skip
def test_an_entry_stops_with_its_own_figures_and_people(change: dict[str, object], sentence: str) -> None:
    assert after(replace(FACTS, **change)).message == sentence  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"headroom": 50_000}, {"plan_left": 50_000}])
def test_a_share_goes_on_while_it_or_the_plan_can_pay_a_round(change: dict[str, int]) -> None:
    assert after(replace(FACTS, headroom=0, own_budget=False)).status == "blocked"
    assert after(replace(FACTS, **{"headroom": 0, "own_budget": False} | change)).status == "pending"  # type: ignore[arg-type]
    assert after(replace(FACTS, headroom=0, plan_left=50_000)).status == "blocked", "a budget of its own is what it has"


@pytest.mark.parametrize(
    "change", [{"outcome": "asked"}, {"outcome": "unavailable", "crashes": 9}, {"outcome": "interrupted", "rounds_completed": 5}]
)
def test_what_made_no_round_goes_on_whatever_it_has_left(change: dict[str, object]) -> None:
    assert after(replace(FACTS, headroom=0, **change)) == Next("pending")  # type: ignore[arg-type]


@dataclass
class Child:
    seq: int
    status: str
    reason_code: str = ""
    unmet_dependencies: int = 0
    is_container: bool = False

    @property
    def title(self) -> str:
        return f"T{self.seq}"


DONE, WORK, READY = Child(1, "done"), Child(2, "in_progress"), Child(3, "pending")
BEHIND, SPLIT = Child(4, "pending", unmet_dependencies=1), Child(5, "pending", unmet_dependencies=2, is_container=True)
HELD, STUCK, AFTER = Child(6, "blocked", "human_hold"), Child(7, "blocked", "no_change"), Child(8, "blocked", "dependency_failed")
FAILED, FAILED_TOO = Child(9, "failed", "rounds_exhausted"), Child(10, "failed", "agent_unavailable")


@pytest.mark.parametrize(
    ("children", "status", "sentence"),
    [
        ([DONE, WORK, FAILED, HELD], "in_progress", ""),
        ([DONE, DONE], "done", ""),
        ([], "pending", rollup.WAITING.message),
        ([DONE, READY, FAILED, HELD], "pending", rollup.WAITING.message),
        ([DONE, SPLIT, FAILED], "pending", rollup.WAITING.message),
        ([DONE, BEHIND], "pending", rollup.WAITING.message),
        ([DONE, BEHIND, HELD], "blocked", "#6 T6 is blocked"),
        ([BEHIND, FAILED], "blocked", "#9 T9 failed"),
        ([BEHIND, FAILED, HELD, STUCK, AFTER], "blocked", "#9 T9 failed. #6 T6, #7 T7 are blocked"),
        ([DONE, FAILED, HELD], "blocked", "#9 T9 failed. #6 T6 is blocked"),
        ([DONE, FAILED, AFTER, FAILED_TOO], "failed", "#9 T9, #10 T10 failed"),
        ([AFTER], "blocked", "#8 T8 is blocked"),
        ([replace(HELD, seq=n) for n in (1, 2, 3)], "blocked", "#1 T1, #2 T2, #3 T3 are blocked"),
        ([replace(HELD, seq=n) for n in (1, 2, 3, 4)], "blocked", "#1 T1, #2 T2, #3 T3 and 1 more are blocked"),
        ([replace(FAILED, seq=n) for n in range(6)], "failed", "#0 T0, #1 T1, #2 T2 and 3 more failed"),
    ],
)
def test_a_split_entry_has_the_state_of_its_children_and_names_those_that_keep_it(
    children: list[Child], status: str, sentence: str
) -> None:
    following = rollup.state_of(children)
    assert (following.status, following.message) == (status, sentence)
    assert following.code == ("children_unfinished" if sentence else "")
    assert following.done == (ways.CHILDREN if status == "done" else None)


def test_the_backlog_is_as_lively_as_its_liveliest_entry() -> None:
    def state(status: str, **fields: object) -> str:
        return completion.state_before(Entry(status=status, **fields))

    assert state("in_progress", unmet_dependencies=3, reason_code="x") == state("pending") == completion.RUNNING
    assert state("done") == state("failed") == completion.FINISHED
    assert state("blocked") == state("pending", unmet_dependencies=1) == completion.STUCK
    assert {state("pending", reason_code=str(code)) for code in OUT_OF_LINE} == {completion.STUCK}
    running, stuck, finished = completion.RUNNING, completion.STUCK, completion.FINISHED
    assert completion.liveliest([finished, stuck, running]) == running and completion.liveliest([finished, stuck]) == stuck
    assert completion.liveliest([finished]) == finished
