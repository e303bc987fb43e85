"""Patterns and letters of a session's phases: four patterns of one hue and two letters each, so that no meaning depends on colour alone."""

from django.utils.safestring import SafeString

from budget.charts.svg import el

LETTERS = {"starting": "SE", "implementation": "IM", "interception": "RE", "verification": "VE", "merging": "ME", "waiting": "WA"}
WORDS = {
    "starting": "set up",
    "implementation": "implement",
    "interception": "review",
    "verification": "verify",
    "merging": "merge",
    "waiting": "wait for the provider",
}


def fill(phase: str) -> str:
    return f"url(#phase-{phase})" if phase in WORDS else "none"


def shared() -> SafeString:
    """The hidden SVG definitions of the patterns. Include once per page, outside of swapped regions."""
    patterns = [
        _pattern("starting", 8),
        _pattern("implementation", 8, el("rect", width=8, height=8, class_="phase-ink")),
        _pattern("interception", 6, el("rect", width=3, height=6, class_="phase-ink"), turn=45),
        _pattern("verification", 6, el("circle", cx=3, cy=3, r=1.7, class_="phase-ink")),
        _pattern("merging", 5, el("rect", width=2.5, height=5, class_="phase-ink")),
        _pattern("waiting", 6, el("rect", width=1.2, height=6, class_="phase-wait"), turn=135, wash="phase-bare"),
    ]
    return el("svg", el("defs", *patterns), class_="paints", width=0, height=0, aria_hidden="true")


def _pattern(name: str, size: int, mark: object = "", *, turn: int | None = None, wash: str = "phase-wash") -> SafeString:
    return el(
        "pattern",
        el("rect", width=size, height=size, class_=wash),
        mark,
        id=f"phase-{name}",
        width=size,
        height=size,
        patternUnits="userSpaceOnUse",
        patternTransform=f"rotate({turn})" if turn else None,
    )
