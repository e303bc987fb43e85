"""The agent of three candidates: `candidate_agent.py NOTES`. The work of the second one, or of one alone, is good. It records each turn and each amount, and when.

For an entry that begins with `slow` the other two make a request each second, for a minute.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

ENTRY = os.environ["MUSTER_ENTRY_ID"]
NOTES = Path(sys.argv[1])
PLACE = Path.cwd().name
CANDIDATE = os.environ.get("MUSTER_CANDIDATE", "0")  # while workers are gone, one session works alone
FIRST = {"0": 40_000, "1": 10_000, "2": 20_000, "3": 30_000}
IS_GOOD = CANDIDATE in ("0", "2")


def note(name: str, text: str) -> None:
    with (NOTES / f"{ENTRY}.{name}").open("a") as file:
        file.write(text + "\n")


def spend(number: int) -> None:
    """Every recorded amount is reported: signals are blocked in between."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    amounts = NOTES / f"{ENTRY}.{PLACE}"
    amount = FIRST[CANDIDATE] + (len(amounts.read_text().split()) if amounts.exists() else 0)
    note(PLACE, str(amount))
    note("reported", str(amount))
    note("times", f"{CANDIDATE}:{time.time()}")
    sys.stdout.write(json.dumps({"type": "usage", "id": str(number), "cost_usd": amount / 1_000_000}) + "\n")
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def main() -> None:
    note("turns", PLACE)
    spend(1)
    if not IS_GOOD and json.loads(Path(os.environ["MUSTER_SPEC_FILE"]).read_text())["content"].startswith("slow"):
        for number in range(60):
            time.sleep(1)
            spend(10 + number)
    time.sleep(0.2)
    Path(f"{ENTRY}.txt").write_text("good\n" if IS_GOOD else f"bad {PLACE}\n")
    spend(2)


if __name__ == "__main__":
    main()
