"""The text that people write about work that they send back, as its agent reads it. Pure."""

from orchestration.models import ReviewComment

BY_A_PERSON = "review by "
"""The beginning of each."""


def of_note(note: str, by: str) -> str:
    """About the work as a whole."""
    return f"{BY_A_PERSON}{by}: {note}"


def of_comment(comment: ReviewComment) -> str:
    place = comment.path
    if comment.line:
        place += f", line {comment.line}" + (" before the change" if comment.side == ReviewComment.Side.OLD else "")
    quote = f"\n> {comment.quote}" if comment.quote else ""
    return of_note(f"{place + ': ' if place else ''}{comment.text}{quote}", comment.by)
