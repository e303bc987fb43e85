"""The level of a line of output: `error`, `warn` or empty. Pure, and cheap: every line of every log passes here.

Tools share no format, so the level is a guess that helps a reader. No decision depends on it.
"""

import re

ERROR, WARN = "error", "warn"
# Plain words would match `0 errors`, `test_error.py PASSED` and every passing test of failures.
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
# Error marks in the agents' JSON lines, and the protocol's own `failure`.
_JSON_ERROR = re.compile(
    r'"(?:is_error|isError)": ?true|"type": ?"(?:failure|error|turn\.failed)"|"ok": ?false|"status": ?"error"'
)
MAX_CHARS = 500
# Every line with a level contains one of these, in any case: a chunk without them needs no search line by line.
MARKERS = (
    "e  ", "traceback", "error", "exception", "exit", "interrupt", "fatal", "critical", "panic", "fail", "not ok", "segmentation",
    "core dumped", "not found", '"ok"', "warn", "deprecated",
)  # fmt: skip


def level(text: str) -> str:
    """The level of a line without escape sequences, by its first MAX_CHARS characters."""
    head = text[:MAX_CHARS]
    if head.startswith("{"):
        return ERROR if _JSON_ERROR.search(text[:4000]) else ""
    if _ERROR.search(head):
        return ERROR
    return WARN if _WARN.search(head) else ""
