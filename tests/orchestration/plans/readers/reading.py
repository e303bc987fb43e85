"""A plan of a tool, read and checked as a person's import is."""

from orchestration.backlog.entries import Draft
from orchestration.plans import checking, formats
from orchestration.plans.checking import Checked


def read(text: str, format: str) -> Checked:
    """The plan as guessed: every example must be known for what it is."""
    result = checking.check(formats.parse(text), [])
    assert result.plan.format == format, result.plan
    return result


def good(text: str, format: str) -> dict[str, Draft]:
    """The drafts by their ids."""
    result = read(text, format)
    assert result.problems == []
    return {draft.ref: draft for draft in result.drafts}


def needs(drafts: dict[str, Draft]) -> dict[str, tuple[str, ...]]:
    return {ref: draft.depends_on for ref, draft in drafts.items()}


def messages(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in checking.check(formats.parse(text), []).problems]
