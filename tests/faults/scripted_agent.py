"""The agent of the fault tests: reports usage, works for a while, writes a file, and records when it ran.

Two concurrent agents on one entry leave a file named OVERLAP. Run as `scripted_agent.py NOTES SECONDS`. While there is a
file NOTES/wait, none of them ends.
"""

import json
import os
import sys
import time
from pathlib import Path


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def main() -> None:
    notes, seconds = Path(sys.argv[1]), float(sys.argv[2])
    entry, session = os.environ["MUSTER_ENTRY_ID"], os.environ["MUSTER_SESSION_ID"]
    mark = notes / f"{entry}.pid"
    if mark.exists() and alive(int(mark.read_text() or 0)):
        (notes / "OVERLAP").write_text(f"{entry} {session}")
    mark.write_text(str(os.getpid()))
    began = time.time()
    for step in range(4):
        print(json.dumps({"type": "usage", "id": str(step), "cost_usd": 0.01}), flush=True)
        time.sleep(seconds / 4)
    while (notes / "wait").exists():
        time.sleep(0.05)
    Path(f"work-{entry}.txt").write_text("done\n")
    with (notes / "lived").open("a") as file:
        file.write(json.dumps({"entry": entry, "session": session, "began": began, "ended": time.time()}) + "\n")
    mark.unlink()


if __name__ == "__main__":
    main()
