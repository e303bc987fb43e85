"""The demo's twelve entries, as an API request: some depend on others, some need the same file, some need two rounds.

Agents also plan a goal, split an entry that stops at a plateau, and review each round. One proposes what else to change then, and a person decides.
The first round of `tally/trend.py` nearly uses up its budget: it waits until a person raises it, and the command line waits for it.
"""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from orchestration.facts.reasons import Reason

TOTAL_BUDGET_USD = Decimal(6)
MAX_PROJECT_SPEND_USD = Decimal(5)

AGENT: dict[str, Any] = {
    "kind": "command",
    "command": [sys.executable, str(Path(__file__).with_name("agent.py"))],
    "model": "claude-sonnet-4-5",
    "timeout_s": 120,
    "idle_timeout_s": 60,
    "env": {"DEMO_PACE": "2.2"},
}

CONFIG: dict[str, Any] = {
    "max_workers": 4,
    "agent": AGENT,
    "interceptor": {"agent": AGENT, "round_usd": 0.02},
    "planner": {"agent": AGENT, "run_usd": 0.1, "apply": "all"},
    "expander": {"agent": AGENT, "run_usd": 0.1, "apply": "all", "on": [str(Reason.NO_IMPROVEMENT)], "plateaus": 1},
    "orchestrator": {"agent": AGENT, "run_usd": 0.1, "on": [str(Reason.NO_IMPROVEMENT)]},
    "plateau": {"rounds": 2},
    "verify": [
        {"name": "tests", "run": [sys.executable, "check.py"], "timeout_s": 60, "junit": "junit.xml", "scope": "entry"},
        # All tests of the project, so that each tree has a verdict. Its weight is small: most of them are other entries' work.
        {
            "name": "project",
            "run": [sys.executable, "check.py", "--all"],
            "timeout_s": 60,
            "junit": "project.xml",
            "scope": "repository",
            "weight": 0.01,
        },
    ],
    "sandbox": {"read": [str(Path(__file__).parent)]},  # the agent's other modules, and its solutions
    "round_ceiling_usd": 0.25,
    "min_round_usd": 0.03,
}


def _entry(
    ref: str,
    title: str,
    requirements: str,
    *,
    tests: list[str],
    files: list[str],
    new: bool = False,
    after: list[str] | None = None,
    priority: str = "medium",
    budget: str = "0.40",
) -> dict[str, Any]:
    return {
        "ref": ref,
        "type": "task",
        "content": title,
        "spec": {
            "requirements": requirements,
            "acceptance_criteria": [f"tests.{name} passes" for name in tests],
            "files_to_create" if new else "files_to_modify": files,
        },
        "priority": priority,
        "depends_on": after or [],
        "budget_usd": Decimal(budget),
    }


ENTRIES: list[dict[str, Any]] = [
    _entry(
        "amounts-parse",
        "Read amounts without losing a cent",
        "`amounts.parse` goes through floating point and loses cents. It must be exact, and understand negative amounts, thousands "
        "(`1,234.50`) and accountants' parentheses (`(4.00)`). Anything else raises ValueError.",
        tests=["test_amounts.Parsing"],
        files=["tally/amounts.py"],
        priority="critical",
    ),
    _entry(
        "amounts-show",
        "Show and share amounts",
        "`amounts.show` writes two decimals always, with commas for thousands. `amounts.share` gives parts that add up exactly.",
        tests=["test_amounts.Showing", "test_amounts.Sharing"],
        files=["tally/amounts.py"],
        priority="high",
    ),
    _entry(
        "dates-parse",
        "Read days in words",
        "`dates.parse` reads `5 Mar 2024` as well as `2024-03-05`, and says `... is not a day` for what is none.",
        tests=["test_dates.Parsing"],
        files=["tally/dates.py"],
        priority="high",
    ),
    _entry(
        "dates-months",
        "Count in months",
        "Months sort as text, `dates.months` crosses a new year, and `dates.last_day` knows February.",
        tests=["test_dates.Months"],
        files=["tally/dates.py"],
    ),
    _entry(
        "accounts",
        "Know account names",
        "Tell valid account names from others, name the accounts above one, and match patterns with `*` for any one word.",
        tests=["test_accounts.Names", "test_accounts.Matching"],
        files=["tally/accounts.py"],
        priority="high",
    ),
    _entry(
        "journal-parse",
        "Read the journal",
        "`journal.parse` reads days, texts and postings; `;` begins a comment; one amount of a transaction may be left out and is the "
        "rest. A line that cannot be read is named in the ValueError.",
        tests=["test_journal.Reading"],
        files=["tally/journal.py"],
        after=["amounts-parse", "dates-parse", "accounts"],
        priority="critical",
    ),
    _entry(
        "journal-check",
        "Find what does not add up",
        "`journal.total` is the sum of a transaction, and `journal.unbalanced` says by how much each wrong one is off.",
        tests=["test_journal.Balancing"],
        files=["tally/journal.py"],
        after=["amounts-show"],
    ),
    _entry(
        "balance",
        "Balance the accounts",
        "Add up what is on each account, between two days, and with the accounts above.",
        tests=["test_balance.Balances"],
        files=["tally/balance.py"],
        after=["journal-parse"],
        priority="high",
    ),
    _entry(
        "report",
        "Print a table",
        "`report.table` is as wide as its widest line, leaves out empty accounts and ends with the total. `report.bar` draws bars.",
        tests=["test_report.Table", "test_report.Bars"],
        files=["tally/report.py"],
        after=["amounts-show"],
    ),
    _entry(
        "export",
        "Export to CSV and JSON",
        "A new module `tally/export.py` with `to_csv` and `to_json`, sorted by account.",
        tests=["test_export.Export"],
        files=["tally/export.py"],
        new=True,
    ),
    _entry(
        "trend",
        "Show where spending goes",
        "Spending by month without leaving out the empty ones, averages in whole cents, and whether it rises or falls.",
        tests=["test_trend.Trend"],
        files=["tally/trend.py"],
        after=["dates-months"],
        priority="low",
        budget="0.05",
    ),
    _entry(
        "command-line",
        "Give it a command line",
        "`python -m tally.cli report|export FILE [--account PATTERN] [--format csv|json]`, with sentences for what goes wrong.",
        tests=["test_cli.CommandLine"],
        files=["tally/cli.py"],
        after=["journal-check", "balance", "report", "export", "trend"],
        priority="high",
    ),
]
