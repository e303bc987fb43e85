"""A judge for tests: `judging_agent.py FILE TEXT [ONCE]` passes if the file contains the text, for one cent. With ONCE it gives no verdict the first time."""

import json
import os
import re
import sys
from pathlib import Path


def main() -> None:
    name, expected, *once = sys.argv[1:]
    print(json.dumps({"type": "usage", "id": "judge-" + str(len(once)), "cost_usd": 0.01}), flush=True)
    if once and not Path(once[0]).exists():
        Path(once[0]).touch()
        return
    content = Path(name).read_text().strip() if Path(name).exists() else ""
    passed = content == expected
    reasons = [] if passed else [f"{name} should say {expected}"]
    word = re.findall(r"^Verdict word: (\w+)$", Path(os.environ["MUSTER_PROMPT_FILE"]).read_text(), re.MULTILINE)[-1]
    line = {"type": "verdict", "verdict": "PASS" if passed else "FAIL", "reasons": reasons, "word": word}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
