"""Replays a session: its lines go through the CLI's own reader into the watch, as they do in a round."""

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from bench.doomed import doomed, healthy
from bench.doomed.formats import FORMATS, written
from bench.doomed.steps import Script
from orchestration.configuration import Agent
from orchestration.worker import agents
from orchestration.worker.agent_run.doomed_rounds import LOOK_EVERY
from orchestration.worker.agent_run.round_watch import RoundWatch, failing_names
from orchestration.worker.agents.shared.events import ToolUse
from orchestration.worker.agents.shared.interface import Reader, Task

ARRIVES_AFTER = 2
"""Tools from the decision until a warning is known to have arrived: the next one takes it, the one after that confirms it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A session of the set. `uses`: what its reader made of its lines, for each step."""

    kind: str
    script: Script
    uses: tuple[tuple[ToolUse, ...], ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """`warned_at`, `ended_at`: steps; None: not."""

    warned_at: int | None
    ended_at: int | None
    seen: str = ""


def sessions(seed: int, each: int) -> list[Recorded]:
    """`each` healthy ones and as many doomed ones."""
    dice = Random(seed)
    scripts = [shapes[n % len(shapes)](dice) for shapes in (healthy.SHAPES, doomed.SHAPES) for n in range(each)]
    kinds = list(FORMATS)
    return [_recorded(dice.choice(kinds), script) for script in scripts]


def replay(recorded: Recorded) -> Replayed:
    receives = agents.for_kind(recorded.kind).TRAITS.receives
    watch = RoundWatch(failing_names(recorded.script.findings), receives=receives)
    warned_at, uses, changed, looked = None, 0, False, 0
    for n, (step, read) in enumerate(zip(recorded.script.steps, recorded.uses, strict=True), start=1):
        for use in read:
            uses += 1
            watch.read(use)
        changed = changed or step.changes
        if uses - looked >= LOOK_EVERY:
            looked = uses
            if changed:
                watch.files_changed()
            changed = False
        if warned_at is not None and n == warned_at + ARRIVES_AFTER:
            watch.warning_arrived()
        match watch.decide():
            case "warn":
                warned_at = n
            case "end":
                return Replayed(warned_at, n, watch.seen)
    return Replayed(warned_at, None)


def _recorded(kind: str, script: Script) -> Recorded:
    reader = _reader(kind)
    return Recorded(
        kind,
        script,
        tuple(
            tuple(event for line in lines for event in reader.read(line) if isinstance(event, ToolUse))
            for _, lines in written(kind, list(script.steps))
        ),
    )


def _reader(kind: str) -> Reader:
    folder = _folder()
    task = Task(Agent(kind=kind), "implement", "", folder / "prompt", folder, folder, {}, "sess")  # type: ignore[arg-type]
    return agents.for_kind(kind).reader(task)


@cache
def _folder() -> Path:
    """An empty home: the CLIs' own files are not there."""
    return Path(tempfile.mkdtemp(prefix="doomed-"))
