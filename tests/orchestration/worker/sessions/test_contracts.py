"""The tests that a planner's entries bring: they fail before the work, judge it, and land with it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.models import Entry, Proposal, Run, Session
from orchestration.proposals import applying, expanding, run_requests
from orchestration.sessions.logs import windows as log_windows
from tests.factories import ANA, an_entry
from tests.orchestration.worker.sessions.planning import answers, ask
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of

PYTEST = {
    "name": "tests",
    "run": [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--continue-on-collection-errors",
        "--junitxml=junit.xml",
    ],
    "junit": "junit.xml",
}
RED = "def test_double():\n    import shop\n    assert shop.double(2) == 4\n"
GREEN = "def test_one():\n    import shop\n    assert shop.one() == 1\n"
UNREADABLE = "from shop import double\n\ndef test_double():\n    assert double(2) == 4\n"
WORK = "printf 'def one():\\n    return 1\\n\\n\\ndef double(n):\\n    return 2 * n\\n' > shop.py"


def answer(text: str, test: str = "test_double", **spec: Any) -> dict[str, Any]:
    """One entry with one test file."""
    contract = {"tests": [f"tests/test_new.py::{test}"], "test_files": {"tests/test_new.py": text}}
    return {"entries": [{"content": "Double", "spec": {"files_to_modify": ["shop.py"], **contract, **spec}}]}


def children(*tests: str) -> dict[str, Any]:
    """An answer that splits an entry into children with a test file each."""
    return {
        "entries": [
            {
                "content": f"Part {n}",
                "spec": {
                    "files_to_modify": ["shop.py"],
                    "tests": [f"tests/test_{n}.py::{test.split('(')[0].removeprefix('def ')}"],
                    "test_files": {f"tests/test_{n}.py": test},
                },
            }
            for n, test in enumerate(tests, start=1)
        ]
    }


@pytest.fixture
def planned(shop: Callable[..., Shop], tmp_path: Path) -> Callable[..., Shop]:
    """Makes a workspace with a package, its one passing test, and a planner that gives these answers."""

    def make(*texts: Any, agent: str = WORK, **config: Any) -> Shop:
        planner = {"agent": {"command": answers(tmp_path, *texts)}, "run_usd": 0.5}
        work = shop(agent, **{"planner": planner, "verify": [PYTEST], **config})
        work.others_merge("shop.py", "def one():\n    return 1\n")
        work.others_merge("test_one.py", GREEN)
        return work

    return make


def proposal(run: Run) -> Proposal:
    return run.proposals.get()


def applied(run: Run) -> Entry:
    [done] = applying.apply(run, by=ANA).applied
    assert done.entry is not None
    return done.entry


def test_tests_that_fail_before_the_work_judge_it_and_land_with_it(planned: Callable[..., Shop]) -> None:
    work = planned(answer(RED))
    run = ask(work)
    on_base = proposal(run).tests_on_base
    assert on_base["state"] == "red", run.session.outcome_message
    assert "has no attribute 'double'" in on_base["failing"]["tests.test_new.test_double"]
    session = work.run(applied(run))
    assert (session.outcome, rounds_of(session)[0].base_score, rounds_of(session)[0].score) == ("passed", 0, 1)
    assert work.merged("tests/test_new.py") == RED
    assert "def double" in str(work.merged("shop.py"))


def test_an_agent_that_changes_them_is_judged_by_them_as_they_were(planned: Callable[..., Shop]) -> None:
    cheat = (
        "rm -r tests; mkdir -p elsewhere tests/test_new.py; echo 'def test_double(): pass' > tests/test_new.py/x; echo >> shop.py"
    )
    work = planned(answer(RED), agent=cheat)
    session = work.supervise(work.claim(applied(ask(work))))
    assert session.outcome == "failed"
    assert "test_double" in rounds_of(session)[0].findings[0]
    assert work.git("show", f"{entry_of(session).branch}:tests/test_new.py") == RED.strip()


def test_a_link_that_an_agent_left_in_their_way_leads_nowhere(planned: Callable[..., Shop], tmp_path: Path) -> None:
    work = planned(answer(RED), agent=f"{WORK}; rm -r tests; mkdir {tmp_path}/outside; ln -s {tmp_path}/outside tests")
    session = work.supervise(work.claim(applied(ask(work))))
    assert (session.outcome, list((tmp_path / "outside").iterdir())) == ("passed", [])


def test_tests_that_show_nothing_are_sent_back_once(planned: Callable[..., Shop]) -> None:
    unreadable = answer(UNREADABLE)["entries"][0]
    both = [unreadable, {"content": "One", "spec": {"tests": ["test_one.test_one"]}}]
    run = ask(planned({"entries": both}, answer(RED)))
    assert (proposal(run).tests_on_base["state"], proposal(run).note) == ("red", "")
    log = "\n".join(line.text for line in log_windows.before(run.session, limit=200).lines)
    assert "Entry 1: tests.test_new cannot be imported before the work (ImportError: cannot import name 'double'" in log
    assert "Entry 2: Its tests pass already before the work" in log


def test_what_is_still_so_is_marked(planned: Callable[..., Shop]) -> None:
    config = {"conftest.py": "", "tests/test_new.py": RED}
    run = ask(planned("Prose.", answer(RED, test_files=config)))
    assert run.session.outcome == "passed"
    assert proposal(run).note == "conftest.py configures how tests run: test_files has tests alone."
    assert proposal(run).tests_on_base["state"] == "broken"


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ("Prose.", "It cannot be used: The answer has no JSON object"),
        (answer(GREEN, "test_one", tests=["nowhere"], files_to_modify=["missing.py"]), "does not exist"),
        ({"entries": []}, "at least one entry"),
    ],
)
def test_a_doubtful_answer_is_used_where_the_second_one_cannot_be(
    planned: Callable[..., Shop], second: Any, sentence: str
) -> None:
    run = ask(planned(answer(UNREADABLE), second))
    assert run.session.outcome == "passed" and proposal(run).tests_on_base["state"] == "broken"
    assert "That is its first answer; of the second: " in run.session.outcome_message
    assert sentence in run.session.outcome_message and "test_double" in run.answer


def test_the_answer_with_fewer_doubts_is_used(planned: Callable[..., Shop]) -> None:
    doubtful = answer(UNREADABLE)["entries"][0]
    worse = [doubtful, {"content": "One", "spec": {"tests": ["test_one.test_one"]}}]
    assert "cannot be imported" in proposal(ask(planned({"entries": [doubtful]}, {"entries": worse}))).note


def test_a_doubtful_answer_is_used_where_the_second_turn_fails(planned: Callable[..., Shop], tmp_path: Path) -> None:
    work = planned(answer(UNREADABLE))  # there is no second answer: the command ends with an error
    run = ask(work)
    assert (run.session.outcome, proposal(run).tests_on_base["state"]) == ("passed", "broken")
    assert "of the second: " in run.session.outcome_message


def split_by(planned: Callable[..., Shop], tmp_path: Path, *texts: Any) -> Run:
    work = planned(expander={"agent": {"command": answers(tmp_path, *texts)}, "run_usd": 0.5})
    run = expanding.expand(work.workspace, an_entry(work.workspace), by=ANA)
    work.supervise(Session.of_any_role.get(pk=run.pk))
    return run_requests.run_for(work.workspace.pk, run.pk)


def test_the_tests_of_children_are_run_before_the_work_too(planned: Callable[..., Shop], tmp_path: Path) -> None:
    run = split_by(planned, tmp_path, children(RED, GREEN), children(RED, RED.replace("double", "triple")))
    split = proposal(run)
    assert (split.kind, split.tests_on_base["state"], split.note) == ("split", "red", "")
    assert sorted(split.tests_on_base["failing"]) == ["tests.test_1.test_double", "tests.test_2.test_triple"]
    log = "\n".join(line.text for line in log_windows.before(run.session, limit=200).lines)
    assert "Entry 2: Its tests pass already before the work" in log


def test_children_whose_tests_still_pass_are_marked_by_name(planned: Callable[..., Shop], tmp_path: Path) -> None:
    split = proposal(split_by(planned, tmp_path, children(RED, GREEN), children(RED, GREEN)))
    assert split.tests_on_base["state"] == "green"
    assert split.note.startswith("Part 2: Its tests pass already before the work")


def test_a_stop_ends_the_tests_too(planned: Callable[..., Shop], tmp_path: Path) -> None:
    check = {"name": "endless", "run": f"test -f tests/test_new.py && touch {tmp_path}/began && sleep 60"}
    work = planned(answer(RED), verify=[check])
    run = run_requests.plan(work.workspace, "Double", by=ANA)
    session = Session.of_any_role.get(pk=run.pk)
    thread = work.meanwhile((tmp_path / "began").exists, lambda: work.flags(session).request_end("stopped"))
    Session.of_any_role.filter(pk=run.pk).update(stop_wanted_by="ana")
    assert work.supervise(session).outcome_message == "Stopped by ana"
    assert not run.proposals.exists()
    thread.join()


def test_tests_that_never_end_are_sent_back(planned: Callable[..., Shop]) -> None:
    check = {"name": "endless", "run": "! grep -q triple tests/test_new.py || sleep 60", "timeout_s": 1}
    work = planned(answer(RED.replace("double", "triple")), answer(RED.replace("double", "triple")), verify=[check])
    assert "endless did not finish (wall timeout after 1 s)" in proposal(ask(work)).note
