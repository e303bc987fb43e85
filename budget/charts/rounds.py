"""Cost and improvement of each round, as two panels over the same rounds, never as two scales in one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from django.utils.safestring import SafeString

from budget import amounts
from budget.charts import scales
from budget.charts.patterns import fill
from budget.charts.svg import el, path, picture, places
from budget.charts.table import Table

WIDTH = 720
LEFT, RIGHT = 56, 612
SCORES, COSTS = (16, 176), (200, 280)  # top and bottom of the panels
HEIGHT = 306
TARGET = 1.0
WORDS = {"kept": "better", "level": "no gain", "failed": "no verdict", "open": "running"}


@dataclass(frozen=True)
class Round:
    """`outcome`: kept (better than before), level (no gain), failed (no verdict), open. `estimated`: a part of the cost is not reported. `base`: the score
    before its work."""

    number: int
    score: float | None
    cost: int
    outcome: str
    estimated: bool = False
    base: float = 0.0


def gains(rounds: Iterable[tuple[float | None, float]]) -> Iterator[float | None]:
    """The gain of each score over its base, beyond any before it (oldest first). None without a score."""
    best = 0.0
    for score, base in rounds:
        gain = None if score is None else round(score - base - best, 6)
        best += max(gain or 0.0, 0.0)
        yield gain


def draw(rounds: Sequence[Round], id_: str = "rounds-chart") -> SafeString:
    last = max(len(rounds), 2)
    x = scales.Scale(0.5, last + 0.5, LEFT, RIGHT)
    score = scales.Scale(0, TARGET, SCORES[1], SCORES[0])
    highest = max((round_.cost for round_ in rounds), default=0)
    steps = scales.money_steps(highest)
    cost = scales.Scale(0, steps[-1], COSTS[1], COSTS[0])
    return picture(
        id_,
        *_score_panel(rounds, x, score),
        *_cost_panel(rounds, x, cost, steps),
        *_numbers(rounds, x),
        width=WIDTH,
        height=HEIGHT,
        title="Score and cost of each round",
        desc=describe(rounds),
        data_x=places(x(n) for n, _ in enumerate(rounds, 1)) if rounds else None,
    )


def describe(rounds: Sequence[Round]) -> str:
    if not rounds:
        return "No rounds yet."
    best = max((round_.score for round_ in rounds if round_.score is not None), default=None)
    total = sum(round_.cost for round_ in rounds)
    reached = f"the best score is {best:.2f} of {TARGET:.2f}" if best is not None else "none has a score"
    return (
        f"{len(rounds)} {'round' if len(rounds) == 1 else 'rounds'}, {amounts.format_usd(total)} in all,"
        f" {amounts.format_usd(_median(rounds))} in the middle one; {reached}."
    )


def table(rounds: Sequence[Round]) -> Table:
    rows: list[tuple[str, ...]] = []
    for round_, gained in zip(rounds, gains((each.score, each.base) for each in rounds), strict=True):
        gain = "—" if gained is None else f"{gained:+.2f}"
        shown = "—" if round_.score is None else f"{round_.score:.2f}"
        rows.append(
            (str(round_.number), shown, gain, WORDS[round_.outcome], amounts.format_usd(round_.cost, estimate=round_.estimated))
        )
    return Table(
        caption="Score and cost of each round",
        head=("Round", "Score", "Gain", "Outcome", "Cost"),
        rows=rows,
        foot=("All", "", "", "", amounts.format_usd(sum(round_.cost for round_ in rounds))),
        exact=[(round_.number, round_.score, None, None, round_.cost) for round_ in rounds],
    )


def _median(rounds: Sequence[Round]) -> int:
    return int(median(round_.cost for round_ in rounds)) if rounds else 0


def _score_panel(rounds: Sequence[Round], x: scales.Scale, y: scales.Scale) -> list[SafeString]:
    parts = [el("text", "Score", x=RIGHT + 8, y=SCORES[1], class_="label")]
    for value in (0, 0.25, 0.5, 0.75, 1):
        parts.append(el("line", x1=LEFT, x2=RIGHT, y1=y(value), y2=y(value), class_="target" if value == TARGET else "grid"))
        parts.append(el("text", f"{value:.2f}", x=LEFT - 8, y=y(value) + 4, class_="label", text_anchor="end"))
    parts.append(el("text", "Target 1.00", x=RIGHT + 8, y=y(TARGET) + 4, class_="label"))
    best = next((round_.base for round_ in rounds if round_.score is not None), 0.0)
    steps = [(float(LEFT), y(best))]
    for n, round_ in enumerate(rounds, 1):
        better = max(best, round_.score or 0.0)
        steps += [(x(n), y(best)), (x(n), y(better))]
        best = better
    if any(round_.score is not None for round_ in rounds):
        parts.append(el("path", d=path([*steps, (RIGHT, y(best))]), class_="best"))
        if best < 0.92:
            parts.append(el("text", f"Best {best:.2f}", x=RIGHT + 8, y=min(y(best) + 4, SCORES[1] - 14), class_="label strong"))
    parts += [_point(round_, x(n), y(round_.score or 0.0)) for n, round_ in enumerate(rounds, 1) if round_.outcome != "open"]
    return parts


def _point(round_: Round, x: float, y: float) -> SafeString:
    """● better, ○ no gain, ✕ no verdict."""
    if round_.outcome == "failed":
        return el("path", d="M-4.5 -4.5 4.5 4.5M4.5 -4.5-4.5 4.5", transform=f"translate({x:.1f} {y:.1f})", class_="cross")
    return el("circle", cx=x, cy=y, r=4.5, class_="point" if round_.outcome == "kept" else "point hollow")


def _cost_panel(rounds: Sequence[Round], x: scales.Scale, y: scales.Scale, steps: list[int]) -> list[SafeString]:
    parts = [el("text", "Cost", x=RIGHT + 8, y=COSTS[1], class_="label")]
    for amount in (0, steps[-1]):
        parts.append(el("line", x1=LEFT, x2=RIGHT, y1=y(amount), y2=y(amount), class_="grid"))
        label = scales.money_label(amount)
        parts.append(el("text", label, x=LEFT - 8, y=y(amount) + 4, class_="label", text_anchor="end"))
    wide = min((x(2) - x(1)) * 0.6, 40.0)
    for n, round_ in enumerate(rounds, 1):
        high = max(COSTS[1] - y(round_.cost), 1.0 if round_.cost else 0.0)
        where = {"x": x(n) - wide / 2, "y": COSTS[1] - high, "width": wide, "height": high}
        if round_.estimated:
            parts.append(el("rect", **where, class_="area", fill=fill("held")))
        else:
            parts.append(el("rect", **where, class_="bar"))
    if rounds:
        middle = _median(rounds)
        parts.append(el("line", x1=LEFT, x2=RIGHT, y1=y(middle), y2=y(middle), class_="median"))
        place = min(max(y(middle) + 4, COSTS[0] + 4), COSTS[1] - 14)
        parts.append(el("text", f"Median {amounts.format_usd(middle)}", x=RIGHT + 8, y=place, class_="label"))
    return parts


def _numbers(rounds: Sequence[Round], x: scales.Scale) -> list[SafeString]:
    """Each round's number, or every second, fifth and so on where there are many."""
    every = next(step for step in (1, 2, 5, 10, 25, 100, 10_000) if len(rounds) / step <= 24)
    shown = [(n, round_) for n, round_ in enumerate(rounds, 1) if n == 1 or round_.number % every == 0]
    parts = [el("text", round_.number, x=x(n), y=HEIGHT - 8, class_="label", text_anchor="middle") for n, round_ in shown]
    return [*parts, el("text", "Round", x=RIGHT + 8, y=HEIGHT - 8, class_="label")]
