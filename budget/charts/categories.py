"""One bar from zero to the cap: spend by category, held, left."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.safestring import SafeString

from budget import amounts
from budget.amounts import columns
from budget.categories import CATEGORIES, LABELS
from budget.charts import scales
from budget.charts.patterns import fill
from budget.charts.svg import el, picture
from budget.charts.table import Table

WIDTH = 960
BAR_TOP, BAR = 8, 32
INSIDE = 80  # the least width of a segment with a label inside
GAP = 1.5
LETTER = 6.6


@dataclass(frozen=True)
class Spend:
    """Micro-USD by category; `held` for running sessions; the cap is the whole bar."""

    spent: Mapping[str, int]
    held: int
    cap: int

    @property
    def total(self) -> int:
        return sum(self.spent.get(name, 0) for name in CATEGORIES)

    @property
    def left(self) -> int:
        return self.cap - self.total - self.held


@dataclass(frozen=True)
class _Part:
    name: str
    words: str
    start: float
    width: float


def draw(data: Spend, id_: str = "categories") -> SafeString:
    scale = scales.Scale(0, max(data.cap, data.total + data.held, 1), 1, WIDTH - 1)
    parts = _parts(data, scale)
    drawn = [el("rect", x=1, y=BAR_TOP, width=WIDTH - 2, height=BAR, class_="track")]
    for part in parts:
        if part.name != "left":
            wide = max(part.width - GAP, 1.0)
            drawn.append(el("rect", x=part.start, y=BAR_TOP, width=wide, height=BAR, fill=fill(part.name), class_="area"))
    if data.total + data.held > data.cap:
        at = scale(data.cap)
        drawn.append(el("line", x1=at, x2=at, y1=BAR_TOP - 6, y2=BAR_TOP + BAR + 6, class_="line-cap"))
    return picture(
        id_,
        *drawn,
        *_labels(parts),
        width=WIDTH,
        height=BAR_TOP + BAR + 10 + 15 * sum(not _fits(part) for part in parts),
        title="Spend by category, as a part of the cap",
        desc=describe(data),
    )


def describe(data: Spend) -> str:
    parts = [f"{LABELS[name]} {text}" for name, text in _texts(data).items()]
    return f"Of the cap {amounts.format_usd(data.cap)}: {', '.join(parts)}, held {amounts.format_usd(data.held)}, left {amounts.format_usd(data.left)}."


def table(data: Spend) -> Table:
    """The bar's segments; the page adds columns."""
    spent = [data.spent.get(name, 0) for name in CATEGORIES]
    shown, total = columns.texts(spent)
    return Table(
        caption="Spend by category",
        head=("Category", "Spent", "Share"),
        rows=[(LABELS[name], *cells) for name, *cells in zip(CATEGORIES, shown, columns.shares(spent), strict=True)],
        foot=("Total", total, "100 %" if data.total else "—"),
        exact=[(None, amount, None) for amount in spent],
    )


def _texts(data: Spend) -> dict[str, str]:
    """The amounts of the categories as the table beside the bar rounds them."""
    return dict(zip(CATEGORIES, columns.texts([data.spent.get(name, 0) for name in CATEGORIES])[0], strict=True))


def _parts(data: Spend, scale: scales.Scale) -> list[_Part]:
    parts, at, texts = [], 0, _texts(data)
    for name in (*CATEGORIES, "held", "left"):
        amount = data.held if name == "held" else max(data.left, 0) if name == "left" else data.spent.get(name, 0)
        if amount > 0:
            label = {"held": "Held", "left": "Left"}.get(name) or LABELS[name]
            words = f"{label} {texts.get(name) or amounts.format_usd(amount)}"
            parts.append(_Part(name, words, scale(at), scale(at + amount) - scale(at)))
            at += amount
    return parts


def _labels(parts: list[_Part]) -> list[SafeString]:
    """Inside where the text fits, else below with a leader line."""
    drawn, below = [], []
    for part in parts:
        if not _fits(part):
            below.append(part)
            continue
        style = "label on-entry" if part.name == "entry" else "label halo"
        middle = part.start + part.width / 2
        drawn.append(el("text", part.words, x=middle, y=BAR_TOP + BAR / 2 + 4, class_=style, text_anchor="middle"))
    return drawn + _below(below)


def _fits(part: _Part) -> bool:
    return part.width >= max(INSIDE, len(part.words) * LETTER + 12)


def _below(parts: list[_Part]) -> list[SafeString]:
    """Each label lower than the one before, so that no leader line crosses a label."""
    leftwards = all(part.start + part.width / 2 >= len(part.words) * LETTER for part in parts)
    drawn = []
    for row, part in enumerate(parts if leftwards else reversed(parts)):
        middle, y = part.start + part.width / 2, BAR_TOP + BAR + 18 + 15 * row
        drawn.append(el("line", x1=middle, x2=middle, y1=BAR_TOP + BAR, y2=y, class_="leader"))
        anchor, where = ("end", middle - 5) if leftwards else (None, middle + 5)
        drawn.append(el("text", part.words, x=where, y=y, class_="label halo", text_anchor=anchor))
    return drawn
