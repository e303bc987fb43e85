"""The rows of a page under the headings of their plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest


@dataclass(frozen=True)
class Section:
    """`number`: how many entries of the whole list have this heading itself; empty if unknown. `query`: the list of them alone."""

    heading: str
    number: str
    query: str
    rows: list[dict[str, Any]] = field(default_factory=list)


def split(page_request: PageRequest, rows: Sequence[dict[str, Any]], counted: Mapping[str, str]) -> list[Section]:
    """Sections in the order of their first rows. A child stays below its parent, whatever its own heading."""
    sections: dict[str, Section] = {}
    heading = ""
    for row in rows:
        if not row.get("depth"):
            heading = row["entry"].group
        if heading not in sections:
            query = filters.query(page_request, "group", group=heading) if heading else ""
            sections[heading] = Section(heading, counted.get(heading, ""), query)
        sections[heading].rows.append(row)
    return list(sections.values())
