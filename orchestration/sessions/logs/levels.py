"""How bad a line of output is, by what it says: `error`, `warn` or nothing. Pure, and cheap: every line of every log is asked.

Tools share no format, so this is a guess that points a reader at a line. Nothing is decided by it.
"""

import re

ERROR, WARN = "error", "warn"
# Words alone would cry at `0 errors`, `test_error.py PASSED` and every passing test of failures.
_ERROR = re.compile(
    r"^E  +\S"  # pytest
    r"|^Traceback \(most recent call last\)"
    r"|^\s*(?:[\w.]+(?:Error|Exception|Exit)|KeyboardInterrupt)(?::|$)"
    r"|(?:^|[\s\[(:])(?:ERROR|FATAL|CRITICAL|PANIC)\b(?!\s*[=:]?\s*0\b)"
    r"|^(?:[\w./-]+:\d+(?::\d+)?:?\s+)?(?:fatal |internal )?error(?:\[\w+\])?[: ]"
    r"|^(?:FAILED|FAIL|not ok|panic|fatal)(?::|\s)"
    r"|\b(?!0+ )\d+ (?:failed|failures?|errors?)\b"
    r"|\b(?:segmentation fault|core dumped|command not found)\b",
)
_WARN = re.compile(r"(?:^|[\s\[(:])(?:WARN|WARNING|Warning|warning)\b(?!s?\s*[=:]\s*0\b)|\w+Warning:|\bdeprecated\b")
# What the agents' JSON lines say of themselves; the protocol's own `failure` as well.
_JSON_ERROR = re.compile(
    r'"(?:is_error|isError)": ?true|"type": ?"(?:failure|error|turn\.failed)"|"ok": ?false|"status": ?"error"'
)
MAX_CHARS = 500
# Whatever has a level has one of these, in whatever case: a whole chunk without them needs no looking at its lines.
MARKERS = (
    "e  ", "traceback", "error", "exception", "exit", "interrupt", "fatal", "critical", "panic", "fail", "not ok", "segmentation",
    "core dumped", "not found", '"ok"', "warn", "deprecated",
)  # fmt: skip


def level(text: str) -> str:
    """Of a line without escape sequences. Only its beginning is looked at."""
    head = text[:MAX_CHARS]
    if head.startswith("{"):
        return ERROR if _JSON_ERROR.search(text[:4000]) else ""
    if _ERROR.search(head):
        return ERROR
    return WARN if _WARN.search(head) else ""
