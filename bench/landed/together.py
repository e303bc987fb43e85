"""All agents end in one moment: sessions that crash then were paid for nothing, or twice."""

import argparse
import json
import os
import shlex
import time
from collections import Counter
from pathlib import Path

from bench.landed.place import Place
from tests.faults.harness import Client, Running, until

AGENT = """echo started >> {notes}/$MUSTER_ENTRY_ID.began
read -r _ < {gate}
echo done > work-$MUSTER_ENTRY_ID.txt"""
SESSIONS = """
import json
from orchestration.models import Session
print(json.dumps([[s.outcome, s.outcome_message] for s in Session.objects.all()]))
"""


def measure(folder: Path, chosen: argparse.Namespace, extra: dict[str, str]) -> int:
    """Prints how the sessions ended, how often agents ran, and how long it took. Returns 1 if one crashed, or an agent ran twice."""
    notes, gate = folder / "notes", folder / "notes" / "gate"
    notes.mkdir()
    os.mkfifo(gate)
    slots = chosen.slots = max(chosen.slots, chosen.entries)
    running = Running(folder / "muster" / "data", **extra, MUSTER_REPO_ROOTS=str(folder), MUSTER_SESSION_SLOTS=str(slots))
    try:
        until(running.is_ready, 90)
        agent = {"command": ["sh", "-c", AGENT.format(notes=shlex.quote(str(notes)), gate=shlex.quote(str(gate)))]}
        place = Place(Client(running), folder, chosen, agent)
        place.line_up(chosen.entries)
        began = time.monotonic()
        place.call("POST", "/executor/resume")
        until(lambda: len(list(notes.glob("*.began"))) >= chosen.entries, 120 + 5 * chosen.entries, every=0.5)
        started = time.monotonic()
        os.close(os.open(gate, os.O_WRONLY))  # every agent reads the end of it
        until(lambda: place.done() == chosen.entries, 120 + 10 * chosen.entries, every=1)
        landed = time.monotonic()
        sessions = json.loads(running.muster("shell", "-v0", "-c", SESSIONS).splitlines()[-1])
    finally:
        running.process.terminate()
        running.process.wait(60)
    outcomes, starts = (
        Counter(outcome for outcome, _ in sessions),
        sum(len(file.read_text().split()) for file in notes.glob("*.began")),
    )
    crashed = {message for outcome, message in sessions if outcome not in ("passed", "conflict")}
    print(f"P5 {chosen.entries} sessions, {chosen.files} files: {dict(outcomes)}, {starts} agents started; {sorted(crashed)[:5]}")
    print(f"all at work after {started - began:.1f} s, all landed {landed - started:.1f} s after they ended")
    return int(bool(crashed) or starts != chosen.entries)
