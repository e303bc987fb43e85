"""Spent of a budget as a bar for a table cell, from 0 to 125 % of it, and its text."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from budget import amounts
from budget.charts import meter
from budget.charts.patterns import fill
from budget.charts.svg import el

WIDTH, HEIGHT = 120, 14
SCALE = 1.25
MARK = WIDTH / SCALE  # where 100 % is


@dataclass(frozen=True)
class Use:
    """Micro-USD. A budget of None or 0: no budget of its own."""

    spent: int
    held: int
    budget: int | None

    @property
    def share(self) -> float:
        return self.spent / self.budget if self.budget else 0.0

    @property
    def over(self) -> int:
        return max(self.spent - self.budget, 0) if self.budget else 0

    @property
    def tone(self) -> str:
        """The CSS class of the fill; "" without a budget."""
        return meter.tone(self.spent, self.budget) if self.budget else ""


def draw(use: Use) -> SafeString:
    """Hidden from screen readers, which read the text of `words`."""
    if not use.budget:
        track = el("rect", x=0.5, y=2.5, width=WIDTH - 1, height=HEIGHT - 5, class_="track none")
        return _picture(track)
    used = _place(use.spent, use.budget)
    held = _place(use.spent + use.held, use.budget)
    parts = [
        el("path", d=f"M.5 2.5h{WIDTH - 1}v{HEIGHT - 5}H.5ZM{MARK} 0v{HEIGHT}", class_="track")
    ]  # one element: fifty are on a page
    if held > used:
        parts.append(el("rect", x=used, y=2, width=held - used, height=HEIGHT - 4, fill=fill("held")))
    if used:
        parts.append(el("rect", x=0, y=4, width=min(used, MARK), height=HEIGHT - 8, class_=f"used {use.tone}".strip()))
    if use.over:
        parts.append(el("rect", x=MARK, y=2, width=max(used - MARK, 2.0), height=HEIGHT - 4, class_="beyond"))
    return _picture(*parts)


def words(use: Use) -> str:
    """The percentage in words, since colour alone is not readable by everyone."""
    if not use.budget:
        return "none"
    if use.over:
        return f"+{amounts.format_usd(use.over)} over"
    percent = f"{100 * use.share:.0f} %" if use.share >= 0.005 or not use.spent else "< 1 %"
    return percent + {"": "", "warn": ", near", "over": ", used up"}[use.tone]


def _picture(*parts: SafeString) -> SafeString:
    return el("svg", *parts, class_="bullet", viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH, height=HEIGHT, aria_hidden="true")


def _place(amount: int, budget: int) -> float:
    return min(amount / budget / SCALE, 1.0) * WIDTH
