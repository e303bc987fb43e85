"""The fill of each category and of held money: a colour and a pattern, so that charts are readable without colour."""

from django.utils.safestring import SafeString

from budget.charts.svg import el

CATEGORIES = ("entry", "orchestrator", "expansion", "interceptor")
LABELS = {"entry": "Entries", "orchestrator": "Orchestrator", "expansion": "Expansion", "interceptor": "Interceptor"}


def fill(name: str) -> str:
    """The value of a `fill` attribute. Not a class: a URL in a stylesheet is relative to the stylesheet."""
    return f"url(#paint-{name})"


def definitions() -> SafeString:
    """The hidden SVG with all patterns. Once on every page with a chart, outside the fragments that htmx swaps."""
    patterns = [
        _pattern("entry", 8, el("rect", width=8, height=8, class_="ink-entry")),
        _pattern("orchestrator", 6, el("rect", width=3, height=6, class_="ink-orchestrator"), turn=45),
        _pattern("expansion", 6, el("circle", cx=3, cy=3, r=1.7, class_="ink-expansion")),
        _pattern("interceptor", 5, el("rect", width=2.5, height=5, class_="ink-interceptor")),
        _pattern("held", 5, el("rect", width=1.5, height=5, class_="ink-held"), turn=135),
    ]
    return el("svg", el("defs", *patterns), class_="paints", width=0, height=0, aria_hidden="true")


def _pattern(name: str, size: int, mark: SafeString, turn: int | None = None) -> SafeString:
    return el(
        "pattern",
        el("rect", width=size, height=size, class_=f"wash-{name}"),
        mark,
        id=f"paint-{name}",
        width=size,
        height=size,
        patternUnits="userSpaceOnUse",
        patternTransform=f"rotate({turn})" if turn else None,
    )
