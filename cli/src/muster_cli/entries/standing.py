"""The state of an entry as a sentence, and the command that moves it."""

from typing import Any

from muster_cli.output import moment, time_of
from muster_cli.run import Run
from muster_client.api.landing import landing_get, landing_history
from muster_client.api.todo import todo_questions_unanswered

COMMANDS = {
    "executor_stopped": "muster start",
    "executor_paused": "muster start",
    "human_hold": "muster start {seq}",
    "budget_exceeded": "muster budget {seq} USD",
    "project_budget_exceeded": "muster budget",
    "rounds_exhausted": "muster start {seq}",
    "no_improvement": "muster start {seq}",
    "no_change": "muster start {seq}",
    "merge_rejected": "muster start {seq}",
    "merge_conflict": "muster open {seq}",
    "waiting_for_approval": "muster approve {seq}",
    "waiting_for_merge": "muster open {seq}",
    "unproven": "muster open {seq}",
}
"""By the code of a reason. One that is not here goes away by itself, or its sentence names what to do."""
DECIDED_BY_A_PERSON = ("waiting_for_approval", "waiting_for_answer", "waiting_for_merge", "unproven")


def standing(run: Run, row: dict[str, Any]) -> str:
    """`Entry 7 waits for approval: Everything here is approved first. Next: muster approve 7`"""
    subject = f"Entry {row['seq']}"
    if row["status"] == "done":
        return f"{subject} {landed(run, row) or 'is done'}."
    if not row["reasons"]:
        return f"{subject} is {words(row['status'])}" + (": nothing keeps it." if row["status"] == "pending" else ".")
    message = row["reasons"][0]["message"] or words(reason_code(row))
    verb = {"failed": "failed: ", "blocked": "is blocked: "}.get(row["status"], "waits: ")
    if message.startswith("Waiting "):
        verb, message = "waits ", message.removeprefix("Waiting ")
    end = "" if message.endswith((".", "?", "!")) else "."
    command = next_command(run, row)
    return f"{subject} {verb}{message}{end}" + (f" Next: {command}" if command else "")


def next_command(run: Run, row: dict[str, Any]) -> str:
    """The command for its first reason; empty: there is none to type."""
    code = reason_code(row)
    if code == "waiting_for_answer":
        questions = run.server.pages(todo_questions_unanswered.request(run.workspace), "questions")
        return next((f"muster answer {each['id']} TEXT" for each in questions if each["entry_id"] == row["id"]), "")
    return COMMANDS.get(code, "").format(seq=row["seq"])


def landed(run: Run, row: dict[str, Any]) -> str:
    """`landed on muster/integration as 27ade2af412a, 2026-12-01 13:52 UTC`; empty: nothing of it did."""
    for commit in run.server.pages(landing_history.request(run.workspace), "landed"):
        if row["id"] in commit["entry_ids"] and commit["kind"] == "entries":
            branch = run.server.call(landing_get.request(run.workspace))["branch"]
            return f"landed on {branch} as {commit['commit'][:12]}, {time_of(commit['at'])}"
        if moment(commit["at"]) < moment(row["created_at"]):
            return ""
    return ""


def ends_a_follow(row: dict[str, Any]) -> bool:
    """True if it has ended, or goes on only when a person has decided."""
    return row["status"] in ("done", "failed", "blocked") or reason_code(row) in DECIDED_BY_A_PERSON


def reason_code(row: dict[str, Any]) -> str:
    """Its first reason's; empty: it has none."""
    return str(row["reasons"][0]["code"]) if row["reasons"] else ""


def words(code: str) -> str:
    return code.replace("_", " ")
