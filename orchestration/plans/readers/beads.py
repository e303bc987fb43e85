"""Issues of beads, one JSON object a line or one list. An epic is no work of its own: it is the group of its issues, and what waits for it waits for them.

`blocks`, `conditional-blocks` and `waits-for` are order; other links are not. Issues that block an epic block all of its issues.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from orchestration.plans.readers import json_text
from orchestration.plans.readers.shared import texts
from orchestration.plans.readers.shared.items import Item, Plan, Problem, Unreadable
from orchestration.plans.readers.shared.reader import Reader, is_json

DONE = ("closed", "tombstone")
ASIDE = ("deferred", "pinned")
BLOCKING = ("blocks", "conditional-blocks", "waits-for")
CONTAINERS = ("epic", "milestone")
NO_WORK = ("message", "molecule", "gate", "event", "merge-request", "agent", "role", "rig", "slot", "convoy")
PRIORITIES = ("critical", "high", "medium", "low", "low")


def is_issue(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("id"), str)
        and isinstance(value.get("title"), str)
        and "entries" not in value
    )


def plan(text: str) -> Plan:
    issues = _read(text)
    graph = _Graph(issues)
    work = [id_ for id_, (_, issue) in issues.items() if _why_not(issue) is None]
    skipped = [
        Problem(line, f"{id_} {issue['title'][:80]} is {why}")
        for id_, (line, issue) in issues.items()
        if (why := _why_not(issue))
    ]
    aside = [(line, id_) for id_, (line, issue) in issues.items() if _status(issue) in ASIDE]
    prefix = next(iter(issues), "").rpartition("-")[0]
    return Plan(
        "beads",
        tuple(_item(id_, *issues[id_], graph) for id_ in work),
        skipped=tuple(skipped),
        done_refs=frozenset(id_ for id_ in issues if id_ not in work),
        doubts=tuple(Problem(line, f"{id_} is set aside: it is left out, and nothing waits for it") for line, id_ in aside),
        name=prefix or "beads",
        closed=False,
    )


def _read(text: str) -> dict[str, tuple[int, dict[str, Any]]]:
    issues: dict[str, tuple[int, dict[str, Any]]] = {}
    for number, issue in _whole(text) if text.lstrip().startswith("[") else _lines(text):
        if not is_issue(issue):
            raise Unreadable(number, "This line is no issue of beads: it has no id, or no title")
        if issue["id"] in issues:
            raise Unreadable(number, f"The issue {issue['id'][:60]} is there twice, first on line {issues[issue['id']][0]}")
        issues[issue["id"]] = (number, issue)
    return issues


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json_text.load(line)
            except Unreadable as error:
                raise Unreadable(number, error.problem.message) from None


def _whole(text: str) -> Iterator[tuple[int, Any]]:
    """`bd list --json` prints one list."""
    for item in json_text.items(text):
        yield item.line, item.value


def _status(issue: dict[str, Any]) -> str:
    return str(issue.get("status") or "open").lower()


def _type(issue: dict[str, Any]) -> str:
    return str(issue.get("issue_type") or "task").lower()


def _why_not(issue: dict[str, Any]) -> str | None:
    """The reason why it is no entry, in words."""
    if _status(issue) in DONE or _status(issue) in ASIDE:
        return "deleted" if _status(issue) == "tombstone" else _status(issue)
    if issue.get("is_template") or issue.get("ephemeral"):
        return "a template" if issue.get("is_template") else "ephemeral"
    if _type(issue) in CONTAINERS:
        return f"an {_type(issue)}: the group of its issues" if _type(issue) == "epic" else "a milestone: the group of its issues"
    return f"of the type {_type(issue)}, which is no work" if _type(issue) in NO_WORK else None


class _Graph:
    """The blockers of each issue, and the issues of each epic."""

    def __init__(self, issues: dict[str, tuple[int, dict[str, Any]]]) -> None:
        self.issues = issues
        self.blockers: dict[str, list[str]] = defaultdict(list)
        self.parent: dict[str, str] = {}
        self.children: dict[str, list[str]] = defaultdict(list)
        for id_, (_, issue) in issues.items():
            for on, kind in _links(issue):
                if kind in BLOCKING:
                    self.blockers[id_].append(on)
                elif kind == "parent-child":
                    self.parent[id_] = on
                    self.children[on].append(id_)

    def needs(self, id_: str) -> list[str]:
        """Its own blockers and those of all that it belongs to, each epic as the issues in it."""
        above = [id_, *self._above(id_)]
        return [
            need for on in above for blocker in self.blockers[on] for need in self._work_of(blocker, set()) if need not in above
        ]

    def group(self, id_: str) -> tuple[str, ...]:
        """The titles of what it belongs to, outermost first."""
        titles = [str(self.issues[on][1]["title"]) for on in self._above(id_) if on in self.issues]
        return tuple(reversed(titles))

    def _above(self, id_: str) -> list[str]:
        above: list[str] = []
        while (id_ := self.parent.get(id_, "")) and id_ not in above:
            above.append(id_)
        return above

    def _work_of(self, id_: str, seen: set[str]) -> Iterator[str]:
        if id_ in seen:
            return
        seen.add(id_)
        if id_ in self.issues and _type(self.issues[id_][1]) in CONTAINERS:
            for child in self.children[id_]:
                yield from self._work_of(child, seen)
        else:
            yield id_


def _links(issue: dict[str, Any]) -> Iterator[tuple[str, str]]:
    links = issue.get("dependencies")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and isinstance(link.get("depends_on_id"), str):
            yield link["depends_on_id"], str(link.get("type") or "blocks")


def _item(id_: str, line: int, issue: dict[str, Any], graph: _Graph) -> Item:
    description, criteria = _words(issue, "description"), _words(issue, "acceptance_criteria")
    background = [
        f"{heading}:\n{words}" for heading, key in (("Design", "design"), ("Notes", "notes")) if (words := _words(issue, key))
    ]
    spec: dict[str, Any] = {"requirements": "\n\n".join(background), "acceptance_criteria": texts.criteria(criteria)}
    group = graph.group(id_)
    number = issue.get("priority")
    value: dict[str, Any] = {
        "ref": id_,
        "content": f"{issue['title'].strip()}\n\n{description}" if description else issue["title"].strip(),
        "spec": {name: item for name, item in spec.items() if item} or None,
        "priority": PRIORITIES[number] if isinstance(number, int) and 0 <= number < len(PRIORITIES) else None,
        "depends_on": list(dict.fromkeys(graph.needs(id_))),
        "group": " / ".join(group)[:200],
    }
    return Item(line, {name: item for name, item in value.items() if item}, {}, id_, group)


def _words(issue: dict[str, Any], name: str) -> str:
    value = issue.get(name)
    return value.strip() if isinstance(value, str) else ""


def _certainty(text: str) -> int:
    if not is_json(text):
        return 0
    try:
        if is_issue(json_text.load(text.split("\n", 1)[0])):
            return 7
    except Unreadable:
        pass  # an object of several lines
    try:
        whole = json_text.load(text)
    except Unreadable:
        return 0
    return 7 if isinstance(whole, list) and whole and all(is_issue(issue) and "issue_type" in issue for issue in whole) else 0


READER = Reader(
    "beads issues",
    plan,
    _certainty,
    places=(".beads/issues.jsonl",),
    not_plans={
        re.compile(r"\ASQLite format 3"): "This is a database: export the issues of beads as JSON lines, with `bd export`"
    },
)
