"""Ten tasks of four requests of $0.10 each, as agents get them that share a plan: some after others, four of them on one file."""

from typing import Any

from tests.agents.harness import command_turn, text_turn

MODEL = "claude-haiku-4-5"
TEN_CENTS = {"input": 50_000, "output": 10_000}
REQUESTS = 4
COST = REQUESTS * 100_000  # micro-USD of a task
AFTER = {6: [4], 7: [4, 5], 8: [6]}  # by its number, the tasks that it depends on
ON_ONE_FILE = 4
TASKS = 10


def scenarios(*, latency_ms: float = 0, tasks: int = TASKS) -> dict[str, Any]:
    return {
        f"task-{n}": {
            "latency_ms": latency_ms,
            "usage": TEN_CENTS,
            "turns": [command_turn(f"echo {n} >> {_file(n)}"), *[command_turn("ls")] * (REQUESTS - 2), text_turn()],
        }
        for n in range(tasks)
    }


def entries(*, tasks: int = TASKS) -> list[dict[str, Any]]:
    """Entries as the API takes them: without budgets of their own, each with its index as its `ref`."""
    return [
        {
            "content": f"Task {n} [[scenario:task-{n}]]",
            "spec": {"files_to_modify": [_file(n)]},
            "ref": str(n),
            "depends_on": [str(before) for before in AFTER.get(n, [])],
        }
        for n in range(tasks)
    ]


def _file(n: int) -> str:
    return "shared" if n < ON_ONE_FILE else f"task-{n}"
