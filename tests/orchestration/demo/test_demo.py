"""The demo without Muster: the agent alone works through its backlog, and the project is finished at the end."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestration.demo import CONFIG, ENTRIES, GOAL, make_repository
from orchestration.demo.agent import price
from orchestration.demo.steering import LARGE, POOR, WAITING, answer
from orchestration.demo.steering import changes as proposed
from orchestration.git import branches, changes, merging
from orchestration.git.clones import working_copies
from tests.orchestration.git import copies
from tests.orchestration.git.repositories import git

INTEGRATION = "muster/integration"
BY_REF = {entry["ref"]: entry for entry in ENTRIES}


@dataclass
class Report:
    """The result of one round."""

    score: float
    findings: list[str]
    spent: float
    events: list[dict] = field(repr=False)


@dataclass
class Simulation:
    """Does by hand, one by one, what Muster does in parallel."""

    repo: Path
    folder: Path
    rounds: dict[str, list[Report]] = field(default_factory=dict)

    def round(self, entry: dict, *, budget: float = 0.25, **change: str) -> Report:
        earlier = self.rounds.setdefault(entry["ref"], [])
        tree = copies.prepare(self.repo, self.folder / "worktrees", entry["ref"], INTEGRATION)
        spec, prompt = self.folder / "spec.json", self.folder / "prompt.md"
        spec.write_text(json.dumps({"id": entry["ref"], "content": entry["content"], "spec": entry["spec"]}))
        criteria = [*entry["spec"]["acceptance_criteria"], *(finding for report in earlier[-1:] for finding in report.findings)]
        prompt.write_text("\n".join(f"- {line}" for line in criteria))
        env = {
            "PATH": os.environ["PATH"],
            "DEMO_PACE": "0",
            "MUSTER_SPEC_FILE": str(spec),
            "MUSTER_PROMPT_FILE": str(prompt),
            "MUSTER_ROUND": str(len(earlier) + 1),
            "MUSTER_BUDGET_USD": str(budget),
        } | change
        output = run(CONFIG["agent"]["command"], tree.path, env)
        assert output.returncode == 0, output.stderr
        events = [json.loads(line) for line in output.stdout.splitlines()]
        commit = copies.commit(self.repo, tree.path, entry["content"]) or tree.base_sha
        allowed = {*entry["spec"].get("files_to_modify", []), *entry["spec"].get("files_to_create", [])}
        assert set(changes.changed_files(self.repo, tree.base_sha, commit)) <= allowed, "it keeps to the files that are its own"
        checked = run(CONFIG["verify"][0]["run"], tree.path, env)
        verdict = json.loads(checked.stdout.splitlines()[-1])
        assert (checked.returncode == 0) == (verdict["score"] == 1)
        earlier.append(Report(verdict["score"], verdict["findings"], spent_in(events), events))
        return earlier[-1]

    def land(self, ref: str) -> None:
        merged = merging.merge(self.repo, f"muster/{ref}", INTEGRATION, f"Merge {ref}")
        assert isinstance(merged, merging.Merged)


def run(argv: list[str], cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=60)


def spent_in(events: list[dict]) -> float:
    """The cost as Muster prices it: requests once each."""
    usage = {event["id"]: event for event in events if event["type"] == "usage"}
    return sum(price({name: number for name, number in event.items() if name.endswith("_tokens")}) for event in usage.values())


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    repo = tmp_path / "tally"
    make_repository(repo)
    branches.ensure_integration(repo, INTEGRATION, branches.check_repository(repo))
    return Simulation(repo, tmp_path)


def whole_suite(tree: Path) -> dict:
    return json.loads(run([sys.executable, "check.py"], tree, {"PATH": os.environ["PATH"]}).stdout.splitlines()[-1])


def test_the_agent_alone_finishes_the_project(simulation: Simulation):
    assert whole_suite(simulation.repo)["score"] < 0.2
    todo = list(ENTRIES)
    while todo:
        landed = {ref for ref, rounds in simulation.rounds.items() if rounds[-1].score == 1}
        entry = next(entry for entry in todo if landed.issuperset(entry["depends_on"]))
        while simulation.round(entry).score < 1:
            assert len(simulation.rounds[entry["ref"]]) < 3
        simulation.land(entry["ref"])
        todo.remove(entry)

    two_rounds = {ref: rounds for ref, rounds in simulation.rounds.items() if len(rounds) == 2}
    assert set(two_rounds) == {"amounts-parse", "journal-parse", "report", "trend"}
    assert all(0.3 < rounds[0].score < 0.9 for rounds in two_rounds.values()), "a score that rises"
    reports = [report for rounds in simulation.rounds.values() for report in rounds]
    assert all(0.02 <= report.spent <= 0.15 for report in reports)
    folder, tip = simulation.folder / "worktrees", git(simulation.repo, "rev-parse", INTEGRATION)
    with working_copies.checkout(copies.copy_of(simulation.repo, folder).store, folder, "end", tip) as end:
        assert whole_suite(end) == {"type": "score", "score": 1.0, "findings": []}
    assert git(simulation.repo, "status", "--porcelain") == ""


def test_the_small_budget_is_enough_for_one_round_and_not_for_two(simulation: Simulation):
    git(simulation.repo, "branch", "-f", INTEGRATION, "main")
    trend, budget = BY_REF["trend"], float(BY_REF["trend"]["budget_usd"])
    simulation.round(BY_REF["dates-months"])
    simulation.land("dates-months")
    first = simulation.round(trend, budget=budget)
    assert first.score < 1
    assert first.spent < budget
    assert budget - first.spent < CONFIG["min_round_usd"] <= budget
    assert simulation.round(trend, budget=budget - first.spent + 0.05).score == 1, "somebody raised it by five cents"


def test_the_agent_refuses_tasks_that_are_not_the_demos(simulation: Simulation):
    stranger = {
        "ref": "other",
        "content": "Write a novel",
        "spec": {"acceptance_criteria": ["It is good"], "files_to_create": ["n"]},
    }
    report = simulation.round(stranger)
    assert report.events[-1]["ok"] is False
    assert report.score < 1, "without named tests it is judged by all of them"


def test_the_agent_plans_the_demos_goal_alone():
    assert answer("planning", f"## The goal\n\n{GOAL}\n") is not None
    assert answer("planning", "## The goal\n\nWrite a novel\n") is None
    assert answer("orchestration", "## The backlog now\n\nNothing\n") is None
    assert answer("expansion", "## The entry: #1 Write a novel\n\n## Also on the backlog\n\n#13 " + LARGE) is None


def test_usage_is_reported_once_for_each_request_of_a_priced_model(simulation: Simulation):
    events = simulation.round(BY_REF["accounts"]).events
    usage = [event for event in events if event["type"] == "usage"]
    assert len({event["id"] for event in usage}) == len(usage) >= 3
    assert {event["model"] for event in usage} == {"claude-sonnet-4-5"}
    assert events[-1]["type"] == "result"


def test_the_backlog_has_what_there_is_to_watch():
    assert len(ENTRIES) == 12
    files = [file for entry in ENTRIES for file in entry["spec"].get("files_to_modify", [])]
    assert len(files) > len(set(files)), "some entries need the same file"
    assert sum(bool(entry["depends_on"]) for entry in ENTRIES) >= 5
    at_once = {
        entry["spec"].get("files_to_modify", entry["spec"].get("files_to_create"))[0]
        for entry in ENTRIES
        if not entry["depends_on"]
    }
    assert len(at_once) >= CONFIG["max_workers"]


def test_the_repository_is_the_same_everywhere_and_made_once(tmp_path: Path):
    make_repository(tmp_path / "one")
    make_repository(tmp_path / "two")
    assert git(tmp_path / "one", "rev-parse", "HEAD^{tree}") == git(tmp_path / "two", "rev-parse", "HEAD^{tree}")
    assert git(tmp_path / "one", "log", "--format=%ad", "--date=short").split() == ["2024-01-09", "2024-01-08"]
    (tmp_path / "one/mine").write_text("x")
    make_repository(tmp_path / "one")
    assert (tmp_path / "one/mine").exists()


def test_its_orchestrator_proposes_a_change_of_what_waits_and_of_nothing_that_may_not_be_touched() -> None:
    trend = {"entry": "#11", "title": "Show where spending goes", "priority": "low", "why_not": ""}
    last = {"entry": "#12", "title": "Give it a command line", "priority": "high", "why_not": ""}
    assert [(change["entry"], change["priority"]) for change in proposed([trend, last])] == [("#12", "critical")]
    assert [(change["entry"], change["priority"]) for change in proposed([trend, last | {"why_not": "at work"}])] == [
        ("#11", "high")
    ]
    assert proposed([trend | {"why_not": "at work"}]) == []


def test_what_it_proposes_to_change_cannot_start_before_a_person_gives_money() -> None:
    proposed_first = next(entry for entry in ENTRIES if entry["content"] == WAITING[0])
    assert any(BY_REF[ref]["content"] == POOR for ref in proposed_first["depends_on"])
