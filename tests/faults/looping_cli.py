#!/usr/bin/env python3
"""Claude Code, as far as Muster sees it, whose agent asks again and again until it is refused, or has asked LOOP_REQUESTS times: then it writes its entry's file."""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

OUTPUT = 5_900


def main() -> int:
    if "--version" in sys.argv:
        print("9.9.9")
        return 0
    thread = sys.argv[sys.argv.index("--session-id") + 1] if "--session-id" in sys.argv else "resumed"
    report(type="system", subtype="init", session_id=thread, model="claude-sonnet-4-5")
    for _ in range(int(os.environ.get("LOOP_REQUESTS", "1000000"))):
        try:
            ask()
        except urllib.error.HTTPError as refusal:
            words = f"API Error: {refusal.code} {refusal.read()[:200]!r}"
            report(
                type="result", subtype="success", is_error=True, api_error_status=refusal.code, result=words, session_id=thread
            )
            return 1
    Path(f"work-{os.environ['MUSTER_ENTRY_ID']}.txt").write_text("done\n")
    report(type="result", subtype="success", is_error=False, result="Done.", session_id=thread)
    return 0


def ask() -> None:
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": int(os.environ.get("LOOP_MAX_TOKENS", "6000")),
        "metadata": {"user_id": os.environ["MUSTER_SESSION_ID"]},
        "messages": [{"role": "user", "content": os.environ["MUSTER_ENTRY_ID"]}],
    }
    headers = {"x-api-key": os.environ["ANTHROPIC_AUTH_TOKEN"], "content-type": "application/json"}
    url = f"{os.environ['ANTHROPIC_BASE_URL']}/v1/messages"
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=600).read()


def report(**event: object) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main())
