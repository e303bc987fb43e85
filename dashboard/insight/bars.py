"""The spend of a row as a bar: what landed or may still land, and hatched what was wasted."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from budget.charts.patterns import fill
from budget.charts.svg import el

WIDTH, HEIGHT = 120, 12


@dataclass(frozen=True)
class Bar:
    """Micro-USD. `most`: of the largest row, which fills the whole width."""

    cost: int
    wasted: int
    most: int

    def draw(self) -> SafeString:
        """Hidden from screen readers: the cells beside it have the numbers."""
        scale = WIDTH / max(self.most, 1)
        wasted = min(max(self.wasted, 0), max(self.cost, 0)) * scale
        useful = max(self.cost, 0) * scale - wasted
        parts = [
            el("rect", x=0, y=0, width=wasted, height=HEIGHT, fill=fill("held"), class_="lost"),
            el("rect", x=wasted, y=0, width=useful, height=HEIGHT, class_="bar"),
        ]
        return el(
            "svg", *parts, class_="chart-bar", viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH, height=HEIGHT, aria_hidden="true"
        )
