"""The table of a chart's values, in plain cells."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """`numeric`: the columns that are amounts. `exact`: micro-USD or other raw values of the cells, row by row, None for text."""

    caption: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    foot: tuple[str, ...] = ()
    exact: list[tuple[int | float | None, ...]] = field(default_factory=list)

    def cells(self) -> list[list[tuple[str, int | float | None]]]:
        """Each row as (text, exact value)."""
        exact = self.exact or [(None,) * len(row) for row in self.rows]
        return [list(zip(row, values, strict=True)) for row, values in zip(self.rows, exact, strict=True)]
