"""Recorded output of the real CLIs (tests/agents/transcripts), and a task for their readers."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from orchestration.configuration import Agent
from orchestration.sessions import metering
from orchestration.sessions.metering import Usage
from orchestration.worker.agents.shared.events import Event
from orchestration.worker.agents.shared.interface import Task, Thread

E = TypeVar("E")
TRANSCRIPTS = Path(__file__).resolve().parents[4] / "tests/agents/transcripts"


def lines(name: str) -> list[str]:
    """A CLI's stdout."""
    return (TRANSCRIPTS / f"{name}.jsonl").read_text().splitlines()


def objects(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(name)]


def a_task(folder: Path, *, prompt: str = "Do it", thread: Thread | None = None, **agent: Any) -> Task:
    """A task in a folder of the test's own."""
    for name in ("home", "work"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "prompt.md").write_text(prompt)
    return Task(
        agent=Agent(**{"kind": "claude_code", **agent}),
        role="implement",
        prompt=prompt,
        prompt_file=folder / "prompt.md",
        cwd=folder / "work",
        home=folder / "home",
        env={"MUSTER_ROUND": "1"},
        session_id="ses_1",
        limit=250_000,
        endpoint="http://127.0.0.1:1/secret",
        thread=thread,
    )


def cost(events: Iterable[Event]) -> int:
    """Micro-USD that would be booked: each id once, as in the ledger. Every event must have a price."""
    booked: dict[str, int] = {}
    for event in events:
        if isinstance(event, Usage):
            amount = event.cost if event.cost is not None else metering.price(event)
            assert amount is not None, f"no price: {event}"
            booked.setdefault(event.id, amount)
    return sum(booked.values())


def of_kind(kind: type[E], events: Iterable[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]
