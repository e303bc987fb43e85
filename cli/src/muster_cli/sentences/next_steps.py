"""Sentences with the command to type next, for entries that go on only after it."""

from collections.abc import Iterable, Mapping
from typing import Any

from muster_cli.output import note, usd
from muster_cli.run import Run
from muster_client.api.budget import budget_get_status

EXECUTOR = {
    "executor_stopped": "The executor is stopped: muster start",
    "executor_paused": "The executor is paused: muster start",
}


def note_next_steps(run: Run, rows: Iterable[Mapping[str, Any]]) -> None:
    """For people, after a change of these entries."""
    if not run.output.is_for_programs:
        for sentence in dict.fromkeys(sentence for row in rows for sentence in _sentences(row)):
            note(sentence)


def note_cap(run: Run, rows: Iterable[Mapping[str, Any]]) -> None:
    """For people, after entries were given budgets: those above the cap of the workspace do not get so far."""
    if run.output.is_for_programs:
        return
    cap = run.server.call(budget_get_status.request(run.workspace))["global"]["max_project_spend_usd"]
    for row in rows:
        if row["budget_usd"] > cap:
            note(
                f"Entry {row['seq']} may spend {usd(row['budget_usd'])}, but the workspace at most {usd(cap)}: muster budget --cap USD"
            )


def executor_sentence(state: str) -> str:
    """Empty while the executor runs."""
    return EXECUTOR.get(f"executor_{state}", "")


def _sentences(row: Mapping[str, Any]) -> Iterable[str]:
    if row["budget_usd"] and row["spent_usd"] >= row["budget_usd"]:
        yield f"Entry {row['seq']} has spent its budget of {usd(row['budget_usd'])}: muster budget {row['seq']} USD"
    for reason in row["reasons"]:
        if reason["code"] in EXECUTOR:
            yield EXECUTOR[reason["code"]]
