"""The fill of each category and of held money: a colour and a pattern, so that charts are readable without colour."""

from itertools import cycle

from django.utils.safestring import SafeString

from budget.categories import CATEGORIES
from budget.charts.svg import el

_MARKS: tuple[tuple[float, str, dict[str, float], int | None], ...] = (
    (8, "rect", {"width": 8, "height": 8}, None),
    (6, "rect", {"width": 3, "height": 6}, 45),
    (6, "circle", {"cx": 3, "cy": 3, "r": 1.7}, None),
    (5, "rect", {"width": 2.5, "height": 5}, None),
    (7, "rect", {"width": 2.5, "height": 7}, 90),
    (9, "circle", {"cx": 4.5, "cy": 4.5, "r": 3}, None),
)
"""Size, shape and turn of a pattern, by its category's place; static/css/tokens.css has a colour for each. The seventh category has the first again."""


def fill(name: str) -> str:
    """The value of a `fill` attribute. Not a class: a URL in a stylesheet is relative to the stylesheet."""
    return f"url(#paint-{name})"


def definitions() -> SafeString:
    """The hidden SVG with all patterns. Once on every page with a chart, outside the fragments that htmx swaps."""
    patterns = [
        _pattern(name, str(n), size, el(shape, **places, class_=f"ink-{n}"), turn)
        for name, (n, (size, shape, places, turn)) in zip(CATEGORIES, cycle(enumerate(_MARKS, start=1)), strict=False)
    ]
    patterns.append(_pattern("held", "held", 5, el("rect", width=1.5, height=5, class_="ink-held"), 135))
    return el("svg", el("defs", *patterns), class_="paints", width=0, height=0, aria_hidden="true")


def _pattern(name: str, ink: str, size: float, mark: SafeString, turn: int | None) -> SafeString:
    return el(
        "pattern",
        el("rect", width=size, height=size, class_=f"wash-{ink}"),
        mark,
        id=f"paint-{name}",
        width=size,
        height=size,
        patternUnits="userSpaceOnUse",
        patternTransform=f"rotate({turn})" if turn else None,
    )
