"""An agent that executes the entry's content line by line: `write FILE TEXT`, `spend USD`, `sleep S`, `exit N`, `say TEXT`, `print TEXT`, `once FILE STEP`, `do COMMAND`, `fail`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    lines = json.loads(Path(os.environ["MUSTER_SPEC_FILE"]).read_text())["content"].splitlines()
    attempt = os.environ["MUSTER_ROUND"]
    for n, line in enumerate(lines):
        rounds, _, step = line.partition("| ") if "| " in line else ("", "", line)
        if rounds and attempt not in rounds.split(","):
            continue
        verb, _, arguments = step.partition(" ")
        if verb == "once":  # `once FILE STEP`: only while the file is not there
            name, _, step = arguments.partition(" ")
            if Path(name).exists():
                continue
            Path(name).touch()
            verb, _, arguments = step.partition(" ")
        if verb == "write":
            name, _, text = arguments.partition(" ")
            Path(name).write_text(text + "\n")
        elif verb == "spend":
            print(json.dumps({"type": "usage", "id": f"{n}", "cost_usd": float(arguments)}), flush=True)
        elif verb == "unpriced":
            print(json.dumps({"type": "usage", "id": f"{n}", "model": arguments, "input_tokens": 5}), flush=True)
        elif verb == "sleep":
            time.sleep(float(arguments))
        elif verb == "exit":
            sys.exit(int(arguments))
        elif verb == "do":
            subprocess.run(arguments, shell=True, check=True)
        elif verb == "print":
            print(arguments, flush=True)
        elif verb == "fail":
            print(json.dumps({"type": "result", "ok": False, "summary": "I could not"}), flush=True)
        else:
            print(line, flush=True)


if __name__ == "__main__":
    main()
