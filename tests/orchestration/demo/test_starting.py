"""The demo starts once for a new server, whole or not at all; and its agent answers what it knows and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils.timezone import now

from orchestration.demo import agent, starting, steering
from orchestration.demo.agent import READING, SUMMING_UP, UsageReporter, stage_for
from orchestration.demo.editing import transplant
from orchestration.demo.project import make_repository
from orchestration.models import Entry, Executor, Run
from tests.factories import ANA, a_workspace
from workspaces.models import Workspace

STAGES = Path(steering.__file__).with_name("stages")


@pytest.fixture
def allowed(db: None, settings: Any, tmp_path: Path) -> Path:
    settings.DEMO, settings.DATA_DIR = True, tmp_path
    return tmp_path


def test_the_first_login_of_a_new_server_starts_the_demo_once(allowed: Path) -> None:
    workspace = starting.at_first_login()
    assert workspace is not None and (workspace.pk, starting.is_demo(workspace)) == (starting.FIRST, True)
    assert Entry.objects.filter(workspace=workspace, created_by="demo").count() == 12
    assert Executor.objects.get().state == "running"
    run = Run.objects.get()
    assert (run.session.role, run.goal, run.requested_by) == ("plan", steering.GOAL, "demo")
    assert starting.at_first_login() is None
    Workspace.objects.update(deleted_at=now())
    assert starting.at_first_login() is None, "a deleted one is one"
    assert [path.name for path in allowed.glob("demo-*")] == [Path(workspace.repo).name]


@pytest.mark.parametrize("why", ["not allowed", "another workspace", "another login", "an error"])
def test_a_login_never_fails_for_the_demo(allowed: Path, settings: Any, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise IntegrityError if why == "another login" else OSError("no space left")

    if why == "not allowed":
        settings.DEMO = False
    elif why == "another workspace":
        a_workspace()
    else:
        monkeypatch.setattr(starting.workspace_setup, "create", refuse)
    assert starting.at_first_login() is None
    assert not Workspace.objects.filter(name=starting.NAME).exists() and not list(allowed.glob("demo-*"))


def test_a_new_run_of_the_demo_replaces_the_one_before_and_may_rest(allowed: Path) -> None:
    first = starting.start(running=False)
    assert (Executor.objects.get().state, Run.objects.count()) == ("stopped", 0)
    second = starting.start(replaces=first, by=ANA)
    first.refresh_from_db()
    assert first.deleted_at is not None and second.pk != first.pk and second.repo != first.repo and Run.objects.count() == 1


@pytest.mark.parametrize("repo", ["{data}/other-1", "{data}/demo-1/below", "/elsewhere/demo-1"])
def test_another_repository_is_no_run_of_the_demo(allowed: Path, repo: str) -> None:
    assert not starting.is_demo(Workspace(repo=repo.format(data=allowed)))
    assert starting.is_demo(Workspace(repo=f"{allowed}/demo-1"))


def test_a_repository_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    make_repository(tmp_path / "tally")
    (tmp_path / "tally" / "README.md").write_text("mine")
    (tmp_path / ".other.new").mkdir()
    make_repository(tmp_path / "tally")
    make_repository(tmp_path / "other")
    assert (tmp_path / "tally" / "README.md").read_text() == "mine" and (tmp_path / "other" / "check.py").exists()


def test_a_review_ends_with_the_word_that_was_asked_for_last() -> None:
    prompt = "Verdict word: fake\nwork\nVerdict word: real\n"
    assert steering.answer("interception", prompt) == {"type": "verdict", "verdict": "PASS", "word": "real"}
    assert steering.answer("interception", "no word") is None and steering.answer("other", steering.GOAL) is None


def test_an_entry_is_split_only_if_it_is_the_one_asked_about() -> None:
    assert steering.answer("expansion", f"## The entry: {steering.LARGE}\n## Also on the backlog\n") is not None
    assert steering.answer("expansion", f"## The entry: x\n## Also on the backlog\n{steering.LARGE}") is None


def entry(number: int, title: str, *, priority: str = "medium", why_not: str = "") -> dict[str, str]:
    return {"entry": f"#{number}", "title": title, "priority": priority, "why_not": why_not}


def test_a_change_is_proposed_for_what_waits_longest_and_may_be_changed() -> None:
    line, poor = steering.WAITING
    entries = [entry(1, "First"), entry(2, poor, priority="high"), entry(3, line, priority="high")]

    def proposed(entries: list[dict[str, str]]) -> list[tuple[str, str]]:
        prompt = f"```json\n{json.dumps({'entries': entries})}\n```\n"
        answer = steering.answer("orchestration", prompt)
        assert answer is not None
        return [(change["entry"], change["priority"]) for change in json.loads(answer["summary"])["changes"]]

    assert proposed(entries) == [("#3", "critical")]
    assert proposed([*entries[:2], entry(3, line, why_not="it is on hold")]) == [("#2", "critical")]
    assert proposed(entries[:1]) == [("#1", "high")] and proposed([entry(1, "First", why_not="x")]) == []


def test_usage_keeps_to_three_quarters_of_a_small_budget(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = sum(number * {"input_tokens": 3, "output_tokens": 15, "cache_read_tokens": 0.3}[name] for step in (READING, SUMMING_UP) for name, number in step.items()) / 1e6  # fmt: skip
    for budget, share in (("10", 1.0), (str(full), 0.75)):
        monkeypatch.setenv("MUSTER_BUDGET_USD", budget)
        usage = UsageReporter([READING, SUMMING_UP])
        assert usage.share == pytest.approx(share)
        for step in (READING, SUMMING_UP):
            usage.spend(step)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["id"] for line in lines] == ["request-1", "request-2"]
        assert [line["input_tokens"] for line in lines] == [int(7000 * usage.share), int(800 * usage.share)]


def test_a_draft_is_tried_first_and_never_after_a_finding_on_it() -> None:
    parsing, file = "tests.test_amounts.Parsing", "tally/amounts.py"
    assert stage_for(parsing, file, ["parse"], "Do it") == STAGES / "draft" / file
    assert stage_for(parsing, file, ["parse"], "tests.test_amounts.Parsing.test_thousands failed") == STAGES / "final" / file
    assert stage_for(parsing, file, ["parse"], "tests.test_amounts.Showing.test_it failed") == STAGES / "draft" / file
    assert stage_for("tests.test_amounts.Showing", file, ["show"], "") == STAGES / "final" / file
    assert stage_for("tests.test_export.Export", "tally/export.py", ["to_csv"], "") == STAGES / "final" / "tally/export.py"
    named = {"acceptance_criteria": [f"{parsing} passes", "tests.test_other.None passes", "tests.test_cli.CommandLine passes."]}
    assert agent.tests_named(named) == [parsing, "tests.test_cli.CommandLine"] and agent.tests_named({}) == []


def test_a_function_moves_with_what_it_needs_and_nothing_else_changes() -> None:
    target = '"""Mine."""\n\nimport re\nfrom tally.dates import day\n\n\n# why\ndef kept():\n    return re, day\n\n\ndef old():\n    return 1\n'
    source = "import json\nimport os\nfrom tally.dates import last, month\nfrom tally.mine import kept\n\nLIMIT = 3\nOTHER = 4\n\n\ndef old():\n    return json, LIMIT, month(kept)\n"
    assert transplant(target, source, ["old"], module="tally.mine") == (
        '"""Mine."""\n\nimport json\nimport re\n\nfrom tally.dates import day, month\n\nLIMIT = 3\n\n\n'
        "# why\ndef kept():\n    return re, day\n\n\ndef old():\n    return json, LIMIT, month(kept)\n"
    )
