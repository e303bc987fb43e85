"""An agent that works by requests to the provider of `refusals.py`: some, then it writes its entry's file. Run as `refused_agent.py ADDRESS KEY`."""

import json
import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

REQUESTS = 3


def main() -> None:
    address, key = sys.argv[1:]
    session, entry = os.environ["MUSTER_SESSION_ID"], os.environ["MUSTER_ENTRY_ID"]
    for _ in range(REQUESTS):
        answer = post(f"{address}/request", key=key, session=session)
        if "code" in answer:
            print(json.dumps({"type": "failure", **answer}), flush=True)
            sys.exit(1)
        print(json.dumps({"type": "usage", **answer}), flush=True)
        post(f"{address}/printed", id=answer["id"])
        time.sleep(0.05)
    Path(f"work-{entry}.txt").write_text("done\n")


def post(url: str, **body: str) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


if __name__ == "__main__":
    main()
