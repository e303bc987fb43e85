"""Reads JUnit XML as evidence. The file is untrusted, since the agent may have written it: it is parsed safely."""

import stat
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse

from orchestration.verdicts.evidence import Cases

MAX_FINDINGS = 20
MAX_BYTES = 20_000_000
NOT_IMPORTED = "collection failure"
"""pytest's words for a file that it cannot import."""


@dataclass(frozen=True)
class Report:
    """Counts, one line for each failing case, and the cases by name. `error`: why the file could not be read. `ran_nothing`: pytest stopped
    at files that it cannot import. `score`: the share of the cases that ran and passed; 0 without any case."""

    total: int = 0
    failing: tuple[str, ...] = ()
    failed: int = 0
    skipped: int = 0
    error: str = ""
    cases: Cases = field(default_factory=Cases)
    ran_nothing: bool = False
    score: float = 0.0


def read(path: Path, checkout: Path | None = None) -> Report:
    """Never raises: an unreadable file gives a report with an `error`. `checkout`: where it must lie: a link could lead to any file of the
    host, which the command itself may not read."""
    try:
        if checkout is not None and path.resolve() != checkout.resolve() / path.relative_to(checkout):
            return Report(error=f"{path.name} is a link, or lies behind one")
        stat_result = path.stat()
        if not stat.S_ISREG(stat_result.st_mode):  # a pipe or a device would be read for ever
            return Report(error=f"{path.name} is not a file")
        if stat_result.st_size > MAX_BYTES:
            return Report(error=f"the JUnit file is larger than {MAX_BYTES} bytes")
        root = parse(path).getroot()
        if root is None:
            return Report(error="the JUnit file is empty")
    except FileNotFoundError:
        return Report(error=f"no JUnit file was written to {path.name}")
    except (OSError, ParseError, DefusedXmlException, ValueError) as error:
        return Report(error=f"the JUnit file cannot be read: {error}"[:300])
    cases = list(root.iter("testcase"))
    bad = [(case, trouble) for case in cases if (trouble := _trouble(case)) is not None]
    skipped = sum(1 for case in cases if case.find("skipped") is not None)
    lines = tuple(_line(case, trouble) for case, trouble in bad[:MAX_FINDINGS])
    ran_nothing = bool(cases) and all(case.find(f"error[@message='{NOT_IMPORTED}']") is not None for case in cases)
    ran = len(cases) - skipped
    score = (ran - len(bad)) / ran if ran > 0 else 0.0
    return Report(len(cases), lines, len(bad), skipped, cases=_by_name(cases), ran_nothing=ran_nothing, score=score)


def _by_name(cases: list[Element]) -> Cases:
    """Sort cases by result. Of several with one name, a failure counts before a pass, and a pass before a skip."""
    failed = {_name(case): _message(trouble) for case in cases if (trouble := _trouble(case)) is not None}
    skipped = {_name(case) for case in cases if case.find("skipped") is not None}
    passed = {_name(case) for case in cases if case.find("skipped") is None} - set(failed)
    return Cases(frozenset(passed), failed, frozenset(skipped - passed - set(failed)))


def _trouble(case: Element) -> Element | None:
    failure = case.find("failure")
    return failure if failure is not None else case.find("error")


def _line(case: Element, trouble: Element) -> str:
    return f"{_name(case)}: {_message(trouble)}"[:500]


def _message(trouble: Element) -> str:
    message, text = (trouble.get("message") or "").strip(), (trouble.text or "").strip()
    if message == NOT_IMPORTED:  # the error is at the end of the text
        message = next((line[1:].strip() for line in reversed(text.split("\n")) if line.startswith("E ")), message)
    return (message or text).split("\n")[0][:400]


def _name(case: Element) -> str:
    return ".".join(part for part in (case.get("classname"), case.get("name")) if part)[:300]
