"""A cheap program in place of an agent's CLI: Claude Code, Qwen Code, or a command, by the name that it was started with. Standard library only.

Its entry's content is its script: so many requests, some thinking between them, then some files. It repeats a request that its provider refuses,
as the real ones do, and says so in their words.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

NAME = Path(sys.argv[0]).name
MOST_TRIES = 10
MAX_TOKENS = 5_000
FILLER = "word " * 200


def main() -> int:
    if "--version" in sys.argv:
        print("2.1.332 (Claude Code)" if NAME == "claude" else "0.24.4")
        return 0
    if os.environ.get("MUSTER_TRIAL"):
        return 0
    session, began = os.environ.get("MUSTER_SESSION_ID", ""), time.time()
    plan = script()
    if NAME != "command" and any("key-of-" in value for value in os.environ.values()):
        return fail(400, "the key itself is in the environment of an agent behind the gateway", None)
    emit({"type": "system", "subtype": "init", "session_id": given("--session-id", "--resume"), "model": model()})
    for n in range(answered(), plan["requests"]):
        problem = ask(f"{session} {n}")
        if problem is not None:
            return fail(*problem)
        note(n + 1)
        time.sleep(plan.get("think_s", 0.0))
    if os.environ.get("MUSTER_PHASE", "implementation") != "implementation":
        return judge()
    for name in plan["files"]:
        path = Path(name)
        is_bad = int(os.environ.get("MUSTER_ROUND", "1")) <= plan.get("bad", 0) and name.startswith("work-")
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if line != "bad" and not line.startswith(("<<<<<<<", "=======", ">>>>>>>", plan["line"]))]
        path.write_text("\n".join([*kept, plan["line"], *(["bad"] if is_bad else [])]) + "\n")
    done(f"wrote {', '.join(plan['files'])} in {time.time() - began:.1f} s")
    return 0


def script() -> dict[str, Any]:
    """The entry's content, from the prompt: its line begins with the mark."""
    line = next((line for line in prompt().splitlines() if "SEAMS {" in line), "")
    plan: dict[str, Any] = json.loads(line[line.index("{") : line.rindex("}") + 1]) if line else {"requests": 1, "files": []}
    return plan if os.environ.get("MUSTER_PHASE", "implementation") == "implementation" else {**plan, "requests": 1}


def prompt() -> str:
    path = Path(os.environ.get("MUSTER_PROMPT_FILE", "/no/file"))
    return path.read_text() if path.exists() else sys.argv[-1]


def progress() -> Path | None:
    """The answers of a round that has not ended: a CLI resumes its conversation; a command starts anew."""
    return None if NAME == "command" else Path(os.environ["HOME"]) / f"answered-{os.environ.get('MUSTER_PHASE', '')}"


def answered() -> int:
    path = progress()
    return int(path.read_text()) if path is not None and path.exists() else 0


def note(count: int) -> None:
    if (path := progress()) is not None:
        whole = path.with_suffix(".new")
        whole.write_text(str(count))
        whole.replace(path)  # it may be killed at any moment


def given(*options: str) -> str:
    return next((value for option, value in zip(sys.argv, sys.argv[1:], strict=False) if option in options), "")


def model() -> str:
    return given("--model", "-m") or os.environ.get("SEAMS_MODEL", "claude-haiku-4-5")


def ask(what: str) -> tuple[int, str, float | None] | None:
    """Repeats it while the provider may take it later. Returns the refusal that it gives up for."""
    for attempt in range(1, MOST_TRIES + 1):
        status, text, retry_after = send(what)
        if status == 200:
            return None
        kind = "insufficient_quota" if "insufficient_quota" in text else ""
        if kind or status in (400, 401, 402, 403, 404) or attempt == MOST_TRIES:
            return status, text, None
        pause = min(retry_after if retry_after is not None else 0.5 * 2**attempt, 8.0)
        wait(status, attempt, pause)
        time.sleep(pause)
    return None


def send(what: str) -> tuple[int, str, float | None]:
    """Status, words, and the seconds until it may be sent again. Status 0: no answer, or one that broke off."""
    is_chat = NAME == "qwen"
    base = os.environ["OPENAI_BASE_URL"] if is_chat else os.environ["ANTHROPIC_BASE_URL"] + "/v1"
    key = os.environ.get("OPENAI_API_KEY" if is_chat else "ANTHROPIC_AUTH_TOKEN") or os.environ.get("ANTHROPIC_API_KEY", "")
    messages = [{"role": "user", "content": f"{what} {FILLER}"}]
    body: dict[str, Any] = {"model": model(), "stream": True, "messages": messages}
    body |= (
        {"max_completion_tokens": MAX_TOKENS, "stream_options": {"include_usage": True}}
        if is_chat
        else {"max_tokens": MAX_TOKENS}
    )
    names = {"x-seams-session": os.environ.get("MUSTER_SESSION_ID", ""), "x-seams-entry": os.environ.get("MUSTER_ENTRY_ID", "")}
    secret = {"Authorization": f"Bearer {key}"} if is_chat else {"x-api-key": key, "anthropic-version": "2023-06-01"}
    url = f"{base}/{'chat/completions' if is_chat else 'messages'}"
    headers = {"content-type": "application/json", **secret, **names}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=1200) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as refusal:
        given_s = refusal.headers.get("retry-after")
        return refusal.code, refusal.read().decode()[:500], float(given_s) if given_s else None
    except (OSError, http.client.HTTPException) as problem:
        return 0, f"connection error: {problem}", None
    if "[DONE]" not in text and "message_stop" not in text:
        return 0, "connection error: the answer broke off", None
    report(text)
    return 200, "", None


def report(text: str) -> None:
    """A command that goes past the gateway says what it spent."""
    if NAME != "command":
        emit({"type": "assistant", "message": {"content": [{"type": "text", "text": "I work on it."}]}})
        return
    counts: dict[str, Any] = {}
    for line in text.splitlines():
        event = json.loads(line[6:]) if line.startswith("data: {") else {}
        counts["id"] = event.get("message", {}).get("id") or counts.get("id")
        counts |= event.get("message", {}).get("usage") or event.get("usage") or {}
    emit({"type": "usage", "id": counts["id"], "cost_usd": (counts["input_tokens"] + 5 * counts["output_tokens"]) / 10**6})


def wait(status: int, attempt: int, pause: float) -> None:
    if NAME == "claude":
        retry = {"error_status": status or None, "attempt": attempt, "retry_delay_ms": pause * 1000, "error": "refused"}
        emit({"type": "system", "subtype": "api_retry", **retry})
    elif NAME == "command":
        emit({"type": "waiting", "message": f"status {status}", "until": time.time() + pause})


def fail(status: int, text: str, _: float | None) -> int:
    if NAME == "command":
        quota = "quota" if "quota" in text else ""
        code = quota or {401: "auth", 429: "rate_limited", 529: "overloaded", 0: "network"}.get(status, "overloaded")
        emit({"type": "failure", "code": code, "message": text[:200]})
        return 1
    words = f"API Error: {status} {text[:300]}" if NAME == "claude" else f"[API Error: {status} {text[:300]}]"
    emit({"type": "result", "subtype": "success", "is_error": True, "api_error_status": status, "result": words})
    return 1


def judge() -> int:
    word = prompt().rpartition("Verdict word:")[2].split()[:1]
    done(json.dumps({"type": "verdict", "verdict": "PASS", "word": "".join(word), "reasons": [], "criteria": []}))
    return 0


def done(words: str) -> None:
    note(0)
    emit({"type": "result", "subtype": "success", "is_error": False, "ok": True, "result": words, "summary": words})


def emit(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
