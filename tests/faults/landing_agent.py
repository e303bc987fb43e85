"""The agent of the landing's crash sweep: `landing_agent.py NOTES`. It creates the file that its entry names, under another name once a finding
says that it is red together with other work. Each reported amount is recorded (crash_agent.py).
"""

import json
import os
from pathlib import Path

from crash_agent import spend


def main() -> None:
    spend("1")
    name = json.loads(Path(os.environ["MUSTER_SPEC_FILE"]).read_text())["content"].split()[-1]
    if "red together" in Path(os.environ["MUSTER_PROMPT_FILE"]).read_text():
        Path(name).unlink(missing_ok=True)
        name = f"{name}er"
    Path(name).write_text("work\n")
    spend("2")


if __name__ == "__main__":
    main()
