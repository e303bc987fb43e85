"""Dependencies as an outline, and as a drawing where there are few. Pure: ids and needs in, lines and SVG out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from budget.charts.svg import el

MAX_DEPTH = 8  # deeper entries are not indented further: each line names what it needs
MAX_DRAWN = 120
WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 184, 40, 64, 14, 8
Needs = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Line:
    """One line of the outline. `repeat`: the entry is listed in full elsewhere. `opens`: a deeper list begins. `closes`: how many lists end."""

    id: str
    depth: int
    repeat: bool
    opens: bool = False
    closes: int = 0


@dataclass(frozen=True)
class Node:
    id: str
    number: str
    title: str
    word: str
    tone: str


def outline(ids: Sequence[str], needs: Needs) -> list[Line]:
    """Entries without dependencies come first, each followed by its dependents. An entry with several dependencies is listed in full once."""
    below: dict[str, list[str]] = {id_: [] for id_ in ids}
    for id_ in ids:
        for need in needs.get(id_, ()):
            if need in below:
                below[need].append(id_)
    roots = [id_ for id_ in ids if not any(need in below for need in needs.get(id_, ()))]
    seen: set[str] = set()
    visits: list[tuple[str, int, bool]] = []
    for root in [*roots, *ids]:  # entries that no root reaches because of a cycle come last
        if root in seen:
            continue
        stack = [(root, 0)]
        while stack:
            id_, depth = stack.pop()
            visits.append((id_, depth, id_ in seen))
            if id_ not in seen:
                seen.add(id_)
                stack += [(child, min(depth + 1, MAX_DEPTH)) for child in reversed(below[id_])]
    return _nested(visits)


def _nested(visits: Sequence[tuple[str, int, bool]]) -> list[Line]:
    lines = []
    for n, (id_, depth, repeat) in enumerate(visits):
        following = visits[n + 1][1] if n + 1 < len(visits) else 0
        lines.append(Line(id_, depth, repeat, opens=following > depth, closes=max(depth - following, 0)))
    return lines


def ranks(ids: Sequence[str], needs: Needs) -> list[list[str]]:
    """Columns from left to right, each entry after all of its dependencies and near to them. Expects a graph without cycles."""
    known, rank = set(ids), dict.fromkeys(ids, 0)
    for _ in ids:
        moved = False
        for id_ in ids:
            lowest = max((rank[need] + 1 for need in needs.get(id_, ()) if need in known), default=0)
            if lowest > rank[id_] and lowest < len(ids):
                rank[id_], moved = lowest, True
        if not moved:
            break
    columns: list[list[str]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for id_ in ids:
        columns[rank[id_]].append(id_)
    place = {id_: float(row) for column in columns for row, id_ in enumerate(column)}
    for column in columns[1:]:
        column.sort(key=lambda id_: _middle([place[need] for need in needs.get(id_, ()) if need in known], place[id_]))
        place |= {id_: float(row) for row, id_ in enumerate(column)}
    return columns


def draw(nodes: Sequence[Node], needs: Needs) -> SafeString:
    """Boxes in columns, and a curve from each entry to its dependents. The outline holds the same information as text."""
    columns = ranks([node.id for node in nodes], needs)
    at = {
        id_: (EDGE + column * (WIDTH + ACROSS), EDGE + row * (HEIGHT + DOWN))
        for column, ids in enumerate(columns)
        for row, id_ in enumerate(ids)
    }
    curves = [_curve(at[need], at[node.id]) for node in nodes for need in needs.get(node.id, ()) if need in at]
    width = 2 * EDGE + len(columns) * (WIDTH + ACROSS) - ACROSS
    height = 2 * EDGE + max((len(column) for column in columns), default=1) * (HEIGHT + DOWN) - DOWN
    return el(
        "svg",
        el("title", f"Dependencies of {len(nodes)} entries", id="dag-title"),
        el(
            "desc",
            "Each entry is right of the entries that it waits for. The outline below holds the same as text.",
            id="dag-desc",
        ),
        *curves,
        *(_box(node, *at[node.id]) for node in nodes),
        role="img",
        class_="chart dag",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        aria_labelledby="dag-title",
        aria_describedby="dag-desc",
    )


def _box(node: Node, x: float, y: float) -> SafeString:
    return el(
        "g",
        el("rect", x=x + 0.5, y=y + 0.5, width=WIDTH, height=HEIGHT, rx=4, class_=f"box {node.tone}"),
        el("text", f"{node.number} {node.word}", x=x + 10, y=y + 16, class_="strong"),
        el("text", _short(node.title, 24), x=x + 10, y=y + 32),
    )


def _curve(start: tuple[float, float], end: tuple[float, float]) -> SafeString:
    x1, y1, x2, y2 = start[0] + WIDTH, start[1] + HEIGHT / 2, end[0], end[1] + HEIGHT / 2
    bend = max((x2 - x1) / 2, 16)
    return el("path", d=f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}", class_="wait")


def _middle(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
