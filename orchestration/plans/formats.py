"""From text to a plan in any of the formats; bounded, and every problem has a line."""

import re
from collections.abc import Callable

from orchestration.plans.items import MAX_BYTES, MAX_ENTRIES, Item, Plan, Problem, Unreadable
from orchestration.plans.readers import json_text, markdown, yaml_text

FORMATS = {"yaml": "YAML", "json": "JSON", "markdown": "Markdown checklist"}
_CHECKLIST = re.compile(r"^[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+\[[ xX]\][ \t]", re.M)
_READERS: dict[str, Callable[[str], tuple[Item, ...]]] = {"yaml": yaml_text.items, "json": json_text.items}


def guess(text: str) -> str:
    start = text.lstrip("\ufeff \t\r\n")
    if _CHECKLIST.search(start):
        return "markdown"
    return "json" if start[:1] in ("{", "[") else "yaml"


def parse(text: str, format: str = "") -> Plan:
    """Never raises: unreadable text is a problem of the plan."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    chosen = format if format in FORMATS else guess(text)
    if problem := _bad(text):
        return Plan(chosen, problems=(problem,))
    try:
        plan = markdown.plan(text) if chosen == "markdown" else Plan(chosen, _READERS[chosen](text))
    except Unreadable as error:
        return Plan(chosen, problems=(error.problem,))
    if len(plan.items) > MAX_ENTRIES:
        late = plan.items[MAX_ENTRIES].line
        return Plan(chosen, problems=(Problem(late, f"At most {MAX_ENTRIES} entries at once: these are {len(plan.items)}"),))
    if not plan.items and not plan.problems:
        words = "open boxes, such as `- [ ] Write the parser`" if chosen == "markdown" else "entries"
        return Plan(chosen, problems=(Problem(0, f"There are no {words} in this {FORMATS[chosen]}"),), skipped=plan.skipped)
    return plan


def _bad(text: str) -> Problem | None:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return Problem(0, "The plan is larger than 1 MiB")
    for number, line in enumerate(text.split("\n"), start=1):
        if "\x00" in line or any(0xD800 <= ord(c) < 0xE000 for c in line):
            return Problem(number, "This line has NUL or half a character in it")
    return None
