"""An agent of the ladder: `scripted_agent.py TRUTHS NOTES NAME`. It costs and achieves what the file says of its next round of this entry."""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    truths, notes, name = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), sys.argv[3]
    entry = json.loads(Path(os.environ["MUSTER_SPEC_FILE"]).read_text())
    truth, state = truths[int(entry["content"].split()[1])], notes / f"{entry['id']}.json"
    known = json.loads(state.read_text()) if state.exists() else {"score": 0.0}
    made = known.get(name, 0)
    known[name], known["score"] = made + 1, min(known["score"] + truth["gains"][name][made] / 10, 0.99)
    state.write_text(json.dumps(known))
    print(json.dumps({"type": "usage", "id": "1", "cost_usd": truth["costs"][name][made] / 1_000_000}), flush=True)
    is_solved = made + 1 == truth["solves_at"][name]
    Path(f"{os.environ['MUSTER_ENTRY_ID']}.txt").write_text("solved\n" if is_solved else f"{known['score']:.6f}\n")


if __name__ == "__main__":
    main()
