"""The agent of the crash sweep, in all roles: `crash_agent.py NOTES implement|review|verify`. It records each turn and each reported amount.

Its first work is bad; it improves once a prompt contains the findings. All amounts of an entry differ.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

ENTRY = os.environ["MUSTER_ENTRY_ID"]
NOTES, ROLE = Path(sys.argv[1]), sys.argv[2]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def note(name: str, text: str) -> None:
    with (NOTES / f"{ENTRY}.{name}").open("a") as file:
        file.write(text + "\n")


def spend(id_: str) -> None:
    """Every recorded amount is reported: signals are blocked in between."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    amounts_file = NOTES / f"{ENTRY}.reported"
    amount = 10_000 + (len(amounts_file.read_text().split()) if amounts_file.exists() else 0)
    note("reported", str(amount))
    sys.stdout.write(json.dumps({"type": "usage", "id": id_, "cost_usd": amount / 1_000_000}) + "\n")
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def main() -> None:
    mark = NOTES / f"{ENTRY}.pid"
    if mark.exists() and alive(int(mark.read_text() or 0)):
        note("overlap", ROLE)
    mark.write_text(str(os.getpid()))
    note("turns", ROLE)
    note("sessions", os.environ["MUSTER_SESSION_ID"])
    spend("1")
    prompt = Path(os.environ["MUSTER_PROMPT_FILE"]).read_text()
    if ROLE == "implement":
        time.sleep(0.2)
        Path(f"{ENTRY}.txt").write_text("good\n" if "it says bad" in prompt else "bad\n")
        spend("2")
    else:
        word = prompt.rpartition("Verdict word: ")[2].strip()
        print(json.dumps({"type": "verdict", "verdict": "PASS", "reasons": [], "word": word}), flush=True)
    mark.unlink()


if __name__ == "__main__":
    main()
