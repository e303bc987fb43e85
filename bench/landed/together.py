"""Agents that wait for each other and end in one moment: how long until all are at work, and whether one crashed then, paid for nothing."""

import argparse
import json
import os
import shlex
import statistics
import time
from collections import Counter
from pathlib import Path

from bench.landed.place import Place, one_checkout
from tests.faults.harness import Client, Running, until

AGENT = """date +%s.%N >> {notes}/$MUSTER_ENTRY_ID.began
read -r _ < {gate}
echo done > work-$MUSTER_ENTRY_ID.txt"""
SESSIONS = """
import json
from orchestration.models import Session
print(json.dumps([[s.entry_id, s.claimed_at.timestamp(), s.outcome, s.outcome_message] for s in Session.objects.all()]))
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
    starts = {file.stem: [float(line) for line in file.read_text().split()] for file in notes.glob("*.began")}
    outcomes, count = Counter(outcome for _, _, outcome, _ in sessions), sum(map(len, starts.values()))
    crashed = {message for _, _, outcome, message in sessions if outcome not in ("passed", "conflict")}
    print(f"P5 {chosen.entries} sessions, {chosen.files} files: {dict(outcomes)}, {count} agents started; {sorted(crashed)[:5]}")
    print(f"all at work after {started - began:.1f} s, all landed {landed - started:.1f} s after they ended")
    alone = one_checkout(folder, chosen.files)
    waits = sorted(starts[entry][0] - claimed for entry, claimed, _, _ in sessions)
    times = waits[-1] / (alone * max(slots / (os.cpu_count() or 1), 1))
    print(f"P6 claimed -> agent, s  {statistics.median(waits):8.3f}  one checkout {alone:.3f}  {times:5.2f}x at worst")
    return int(bool(crashed) or count != chosen.entries)
