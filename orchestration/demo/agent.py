"""The demo agent: uses the command agent's protocol, works without a network, and knows only the demo's tasks and its goal.

Standard library only; started as a script in the entry's clone. Its first round may use a draft that is too simple; once the prompt
contains a failing test, it uses the final solution. Of an entry that is too large it does the first part alone, round after round. It works slowly, so that a person can watch it; DEMO_PACE=0 removes the pauses.
"""

import ast
import json
import os
import re
import sys
import time
from pathlib import Path

if __package__:
    from . import steering
    from .editing import transplant
else:  # run as a script, without the package
    import steering  # type: ignore[no-redef]
    from editing import transplant  # type: ignore[no-redef]

STAGES = Path(__file__).with_name("stages")
MODEL = "claude-sonnet-4-5"
USD_PER_MILLION = {"input_tokens": 3.0, "output_tokens": 15.0, "cache_read_tokens": 0.3}
READING = {"input_tokens": 7000, "output_tokens": 350, "cache_read_tokens": 0}
WRITING = {"input_tokens": 2500, "output_tokens": 900, "cache_read_tokens": 9000}
REVIEWING = {"input_tokens": 1500, "output_tokens": 120, "cache_read_tokens": 0}
SUMMING_UP = {"input_tokens": 800, "output_tokens": 250, "cache_read_tokens": 12000}
FRUGAL = 0.75  # the maximum share of its budget

# The functions that each test needs.
KNOWN: dict[str, tuple[str, list[str]]] = {
    "tests.test_amounts.Parsing": ("tally/amounts.py", ["parse"]),
    "tests.test_amounts.Showing": ("tally/amounts.py", ["show"]),
    "tests.test_amounts.Sharing": ("tally/amounts.py", ["share"]),
    "tests.test_dates.Parsing": ("tally/dates.py", ["parse"]),
    "tests.test_dates.Months": ("tally/dates.py", ["month", "months", "last_day"]),
    "tests.test_accounts.Names": ("tally/accounts.py", ["valid", "ancestors"]),
    "tests.test_accounts.Matching": ("tally/accounts.py", ["matches"]),
    "tests.test_journal.Reading": ("tally/journal.py", ["parse"]),
    "tests.test_journal.Balancing": ("tally/journal.py", ["total", "unbalanced"]),
    "tests.test_balance.Balances": ("tally/balance.py", ["between", "balances", "rolled_up"]),
    "tests.test_report.Table": ("tally/report.py", ["table"]),
    "tests.test_report.Bars": ("tally/report.py", ["bar"]),
    "tests.test_export.Export": ("tally/export.py", ["to_csv", "to_json"]),
    "tests.test_trend.Trend": ("tally/trend.py", ["monthly", "average", "direction"]),
    "tests.test_cli.CommandLine": ("tally/cli.py", ["main"]),
    "tests.test_plan.Reading": ("tally/plan.py", ["parse"]),
    "tests.test_left.Left": ("tally/left.py", ["left"]),
    "tests.test_pace.Pace": ("tally/pace.py", ["pace"]),
    "tests.test_reach.Reach": ("tally/reach.py", ["reach"]),
}


class UsageReporter:
    """Reports this round's usage, scaled down if the session's budget is small."""

    def __init__(self, steps: list[dict[str, int]]) -> None:
        budget = float(os.environ.get("MUSTER_BUDGET_USD") or 0.25)
        self.share = min(FRUGAL * budget / sum(map(price, steps)), 1.0)
        self.count = 0

    def spend(self, counts: dict[str, int]) -> None:
        self.count += 1
        tokens = {name: int(number * self.share) for name, number in counts.items()}
        report("usage", id=f"request-{self.count}", model=MODEL, **tokens)


def price(step: dict[str, int]) -> float:
    return sum(number * USD_PER_MILLION[name] for name, number in step.items()) / 1e6


def report(kind: str, **fields: object) -> None:
    print(json.dumps({"type": kind, **fields}), flush=True)


def think(seconds: float) -> None:
    time.sleep(seconds * float(os.environ.get("DEMO_PACE", "1")))


def tests_named(spec: dict) -> list[str]:
    criteria = " ".join(str(line) for line in spec.get("acceptance_criteria") or [])
    return [name for name in re.findall(r"\btests\.[\w.]*\w", criteria) if name in KNOWN]


def stage_for(test: str, file: str, names: list[str], prompt: str) -> Path:
    """The draft, if there is one for these functions and the prompt has no finding on it; else the final solution."""
    draft = STAGES / "draft" / file
    has_findings = f"{test}.test_" in prompt
    if has_findings or not draft.exists():
        return STAGES / "final" / file
    known = {node.name for node in ast.parse(draft.read_text()).body if isinstance(node, ast.FunctionDef)}
    return draft if known.issuperset(names) else STAGES / "final" / file


def rewrite(file: str, stage: Path, name: str) -> None:
    """Replace one function in the current file."""
    target = Path(file)
    if not target.exists():
        target.write_text(stage.read_text())
        return
    target.write_text(
        transplant(target.read_text(), stage.read_text(), [name], module=file.removesuffix(".py").replace("/", "."))
    )


def note_round(file: str) -> None:
    """A round that changes nothing would end in another way than one that does not get further."""
    target, note = Path(file), "# Still to do: the last day. Round "
    lines = [line for line in target.read_text().splitlines() if not line.startswith(note)]
    text = "\n".join(lines).rstrip()
    target.write_text(f"{text}\n\n\n{note}{os.environ.get('MUSTER_ROUND', '1')}\n")


def steer(phase: str) -> int:
    """Plan, split or review: the prompt alone says what."""
    answer = steering.answer(phase, Path(os.environ["MUSTER_PROMPT_FILE"]).read_text())
    if answer is None:
        report(
            "result",
            ok=False,
            summary=f'The demo agent plans only the demo\'s own goal, "{steering.GOAL}" To plan yours, add your repository as a workspace.',
        )
        return 0
    steps = [REVIEWING] if phase == "interception" else [READING, SUMMING_UP]
    usage = UsageReporter(steps)
    for step in steps:
        think(0.4)
        usage.spend(step)
    print(json.dumps(answer), flush=True)
    return 0


def main() -> int:
    if os.environ.get("MUSTER_TRIAL"):  # it imports all that it needs
        return 0
    phase = os.environ.get("MUSTER_PHASE", "implementation")
    return implement() if phase == "implementation" else steer(phase)


def implement() -> int:
    task = json.loads(Path(os.environ["MUSTER_SPEC_FILE"]).read_text())
    prompt = Path(os.environ["MUSTER_PROMPT_FILE"]).read_text()
    tests = tests_named(task.get("spec") or {})
    if not tests:
        report("result", ok=False, summary="The demo agent knows only the demo's own tasks: choose a real agent for this one.")
        return 0
    if task["content"].startswith(steering.LARGE):
        tests = tests[:1]
    work = [(test, file, name) for test in tests for file, names in [KNOWN[test]] for name in names]
    usage = UsageReporter([READING, *(WRITING for _ in work), SUMMING_UP])

    report("text", text=f"Round {os.environ.get('MUSTER_ROUND', '1')}: {task['content'].splitlines()[0]}")
    think(0.8)
    for finding in re.findall(r"(?:^|\W)(tests\.\w+\.\w+\.(test_\w+))", prompt):
        report("text", text=f"Still open: {finding[1].removeprefix('test_').replace('_', ' ')}")
        think(0.2)
    usage.spend(READING)
    for test, file, name in work:
        report("text", text=f"Reading what {test} expects of {name}")
        think(0.6)
        rewrite(file, stage_for(test, file, KNOWN[test][1], prompt), name)
        report("text", text=f"Rewrote {name} in {file}")
        usage.spend(WRITING)
        think(0.7)
    think(0.8)
    usage.spend(SUMMING_UP)
    if task["content"].startswith(steering.LARGE):
        note_round(work[0][1])
    files = ", ".join(sorted({file for _, file, _ in work}))
    report("result", ok=True, summary=f"Rewrote {', '.join(name for _, _, name in work)} in {files}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
