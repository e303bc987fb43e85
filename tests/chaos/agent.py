"""The agent of `./muster chaos`: reports usage, changes its file and sometimes a shared one, and leaves processes behind.

Run as `agent.py NOTES`; its entry's content is its plan as JSON. A usage line counts as printed once it is in the note: the note is written
after the line. Standard library only.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    notes = Path(sys.argv[1])
    entry, session = os.environ["MUSTER_ENTRY_ID"], os.environ["MUSTER_SESSION_ID"]
    plan = json.loads(json.loads(Path(os.environ["MUSTER_SPEC_FILE"]).read_text())["content"])
    with open(notes / f"{entry}.alive", "w") as alive:
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(notes / "overlap", f"{entry} {session}")
        os.set_inheritable(alive.fileno(), False)
        work(notes, session, plan)


def work(notes: Path, session: str, plan: dict) -> None:
    if plan["leaves_processes"]:
        subprocess.Popen(["setsid", "sh", "-c", "sleep 300 & sleep 300"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for step in range(plan["steps"]):
        line = {"type": "usage", "id": str(step), "cost_usd": plan["cost_usd"]}
        print(json.dumps(line), flush=True)
        note(notes / "printed", f"{session} {step} {plan['cost_usd']}")
        time.sleep(plan["seconds"] / plan["steps"])
    for name in plan["files"]:
        lines = Path(name).read_text().splitlines() if Path(name).exists() else []
        if plan["line"] not in lines:
            Path(name).write_text("\n".join([*lines, plan["line"]]) + "\n")


def note(path: Path, line: str) -> None:
    with open(path, "a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    main()
