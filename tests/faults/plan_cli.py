#!/usr/bin/env python3
"""Claude Code or Codex, after the name that it is called by, as `plans.py` has it act: it makes one request, prints what the real one prints, and writes a file."""

import json
import os
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path


def main() -> None:
    if "--version" in sys.argv:
        print("9.9.9")
        return
    request = urllib.request.Request(os.environ["PLAN_ADDRESS"], json.dumps({"thread": _thread()}).encode())
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
    if "rollout" in answer:
        folder = Path(os.environ["CODEX_HOME"]) / "sessions/2026/11/30"
        folder.mkdir(parents=True, exist_ok=True)
        stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        with (folder / f"rollout-2026-11-30T10-00-00-{_thread()}.jsonl").open("a") as rollout:
            rollout.writelines(json.dumps({"timestamp": stamp, **line}) + "\n" for line in answer["rollout"])
    for line in answer["lines"]:
        print(json.dumps(line), flush=True)
    if answer["exit"]:
        sys.exit(answer["exit"])
    Path(f"work-{os.environ['MUSTER_ENTRY_ID']}.txt").write_text("done\n")


def _thread() -> str:
    """The id of the conversation: for Claude Code the one that Muster chose, for Codex one of the session."""
    at = sys.argv.index("--session-id") + 1 if "--session-id" in sys.argv else 0
    return sys.argv[at] if at else f"{os.environ['MUSTER_SESSION_ID'][-12:]:0>36}"


if __name__ == "__main__":
    main()
