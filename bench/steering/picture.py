"""The picture of docs/explanation/steering.md: solved entries by strategy, one group of bars for each amount of money. Plain SVG, for light and dark pages."""

from collections.abc import Mapping

BARS = {"muster": ("Muster", "#2f7d5b"), "equal": ("equal shares", "#b8863b"), "first": ("first come", "#7a7f87")}
FAMILIES = {"steady": "Steady progress", "late": "Late bloomers"}
TEXT = "#767b84"  # readable on white and on near-black
WIDTH, HEIGHT, TOP, FLOOR, LEFT = 760, 300, 64, 246, 44
GROUP, BAR, PANEL = 108, 26, 360


def draw(solved: Mapping[tuple[str, int], Mapping[str, float]]) -> str:
    """`solved`: (family, percent of the money) to the mean of solved entries by strategy; `oracle` is drawn as a line across its group."""
    most = max(amount for item in solved.values() for amount in item.values())
    scale = (FLOOR - TOP) / (most * 1.05)
    text = "; ".join(
        f"{FAMILIES[family]}, {level} % of the money: " + ", ".join(f"{name} {amount:.1f}" for name, amount in item.items())
        for (family, level), item in solved.items()
    )
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d" '
            f'font-family="system-ui, sans-serif" font-size="12" fill="{TEXT}">'
        ),
        '<title id="t">Solved entries with the same money, shared out in three ways, and by one who knows the costs</title>',
        f'<desc id="d">Means of 200 backlogs of 40 entries. {text}.</desc>',
    ]
    parts += _legend()
    for step in range(0, int(most) + 1, 5):
        y = FLOOR - step * scale
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 12}" stroke="{TEXT}" stroke-opacity=".25"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{step}</text>')
    for panel, family in enumerate(FAMILIES):
        start = LEFT + 10 + panel * PANEL
        parts.append(
            f'<text x="{start + 160}" y="{HEIGHT - 10}" text-anchor="middle" font-weight="600">{FAMILIES[family]}, by the money there is</text>'
        )
        levels = [(level, item) for (name, level), item in solved.items() if name == family]
        for place, (level, item) in enumerate(levels):
            parts += _group(start + place * GROUP, level, item, scale)
    return "\n".join([*parts, "</svg>", ""])


def _group(x: float, level: int, item: Mapping[str, float], scale: float) -> list[str]:
    parts = [f'<text x="{x + 46}" y="{FLOOR + 18}" text-anchor="middle">{level} %</text>']
    for place, (name, (_, colour)) in enumerate(BARS.items()):
        tall = item[name] * scale
        left = x + 4 + place * (BAR + 2)
        parts.append(f'<rect x="{left:.0f}" y="{FLOOR - tall:.1f}" width="{BAR}" height="{tall:.1f}" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{left + BAR / 2:.0f}" y="{FLOOR - tall - 5:.1f}" text-anchor="middle">{item[name]:.1f}</text>')
    y = FLOOR - item["oracle"] * scale
    return [*parts, f'<path d="M{x} {y:.1f}h{3 * BAR + 12}" stroke="#b04a5a" stroke-width="2" stroke-dasharray="5 3"/>']


def _legend() -> list[str]:
    parts, x = [f'<text x="{LEFT - 8}" y="48">solved entries</text>'], 12
    for name, colour in BARS.values():
        parts.append(
            f'<rect x="{x}" y="12" width="12" height="12" rx="2" fill="{colour}"/><text x="{x + 18}" y="22">{name}</text>'
        )
        x += 40 + 7 * len(name)
    parts.append(f'<path d="M{x} 18h22" stroke="#b04a5a" stroke-width="2" stroke-dasharray="5 3"/>')
    return [*parts, f'<text x="{x + 28}" y="22">oracle: knows what each one costs</text>']
