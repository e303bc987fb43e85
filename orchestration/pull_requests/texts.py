"""Title and body of a pull request: pure. A `#12` would be another issue there, so an entry's number is written without it. What an agent or a plan wrote is quoted as it is; the marker at the end finds the pull request
again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_TITLE = 200
MAX_TASK = 6000
MAX_SUMMARY = 4000
MAX_BODY = 30_000
_MENTION = re.compile(r"(?<![\w`/])@(?=\w)")


@dataclass(frozen=True, slots=True)
class Facts:
    """`evidence`: one sentence a check. `cost`: in words; empty: it is not shown. `below`: the addresses of pull
    requests whose commits it contains. `address`: of the entry's page; empty: no link."""

    entry_id: str
    seq: int
    title: str
    task: str
    summary: str = ""
    evidence: Sequence[str] = ()
    rounds: int = 0
    cost: str = ""
    below: Sequence[str] = ()
    address: str = ""


def marker(entry_id: str) -> str:
    """Invisible on the page. An entry's id is never used twice."""
    return f"<!-- muster-entry: {entry_id} -->"


def title(facts: Facts) -> str:
    return facts.title[:MAX_TITLE] or f"Entry {facts.seq}"


def body(facts: Facts) -> str:
    """At most MAX_BODY characters, with the marker as its last line."""
    known = [f"{facts.rounds} round" if facts.rounds == 1 else f"{facts.rounds} rounds"]
    known += [facts.cost] if facts.cost else []
    known += [f"[entry {facts.seq}]({facts.address})" if facts.address else f"entry {facts.seq}"]
    parts = [
        _quoted(facts.task, MAX_TASK),
        f"It contains {' and '.join(facts.below)}, to be merged first." if facts.below else "",
        f"### What was done\n\n{_quoted(facts.summary, MAX_SUMMARY)}" if facts.summary.strip() else "",
        "### Evidence\n\n" + "\n".join(f"- {_plain(line)}" for line in facts.evidence) if facts.evidence else "",
        f"Muster: {', '.join(known)}.",
    ]
    end = marker(facts.entry_id)
    text = "\n\n".join(part for part in parts if part)
    return f"{text[: MAX_BODY - len(end) - 2].rstrip()}\n\n{end}"


def _quoted(text: str, limit: int) -> str:
    text = text.strip()
    return _plain(text if len(text) <= limit else f"{text[:limit].rstrip()} …")


def _plain(text: str) -> str:
    """Text that has no effect on a forge. A mention would notify people; an HTML comment would hide text, or forge the marker."""
    return _MENTION.sub("@\u200b", text.replace("<!--", "&lt;!--").replace("\0", ""))
