"""Parser for providers' usage files: their CSV exports, or any CSV with named columns. Pure."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from budget import amounts
from workspaces.errors import Invalid

Row = Mapping[str, str]
PROVIDERS = ("anthropic", "openai", "generic")
MAX_NUMBER = Decimal(10) ** 12
NUMBER = re.compile(
    r"-?\$?-?([0-9]+|[1-9][0-9]{0,2}(,[0-9]{3})+)?(\.[0-9]*)?(e[+-]?[0-9]{1,3})?|-?nan|-?inf(inity)?", re.IGNORECASE
)
"""Commas only between thousands: 0,05 is five cents in half of the world, and would be read as five dollars."""
DAYS = (date(2000, 1, 1), date(2999, 12, 31))  # a margin on both sides, for sums of days and time zones


@dataclass(frozen=True, slots=True)
class ReportedUsage:
    """A provider's count of one model on one UTC day. None: not in the file."""

    day: date
    model: str
    cost: Decimal | None  # USD
    tokens: int | None


@dataclass(frozen=True, slots=True)
class _Format:
    """One export. Costs and tokens are sums of columns."""

    needs: frozenset[str]  # the columns that identify it
    day: str
    model: Callable[[Row], str]
    cost: str = ""
    tokens: tuple[str, ...] = ()


def _column(name: str) -> Callable[[Row], str]:
    return lambda row: row[name]


FORMATS: dict[str, list[_Format]] = {
    "anthropic": [
        _Format(frozenset({"usage_date_utc", "model", "cost_usd"}), "usage_date_utc", _column("model"), cost="cost_usd"),
        _Format(
            frozenset({"usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens"}),
            "usage_date_utc",
            _column("model_version"),
            tokens=(
                "usage_input_tokens_no_cache",
                "usage_input_tokens_cache_write_5m",
                "usage_input_tokens_cache_write_1h",
                "usage_input_tokens_cache_read",
                "usage_output_tokens",
            ),
        ),
    ],
    "openai": [
        _Format(
            frozenset({"start_time_iso", "amount_value", "line_item"}),
            "start_time_iso",
            lambda row: row["line_item"].partition(",")[0],  # "gpt-5-nano, input_tokens"
            cost="amount_value",
        ),
        _Format(
            frozenset({"start_time_iso", "model", "input_tokens", "output_tokens"}),
            "start_time_iso",
            _column("model"),
            tokens=("input_tokens", "output_tokens"),  # its input includes cached tokens
        ),
    ],
}


def read(text: str, *, provider: str, columns: Mapping[str, str] | None = None) -> list[ReportedUsage]:
    """Sum a file by day and model. A generic file has a map from our column names to its own. Raises Invalid with the line."""
    if "\x00" in text:
        raise Invalid("The file contains NUL characters: it is not CSV", "csv")
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    sums: dict[tuple[date, str], list[Decimal | None]] = {}
    try:
        header = [name.strip() for name in reader.fieldnames or []]
        reader.fieldnames = header
        shape = _shape(provider, header, columns)
        for row in reader:
            _add(sums, {name: (value or "").strip() for name, value in row.items() if name and isinstance(value, str)}, shape)
    except (csv.Error, ValueError) as error:
        raise Invalid(f"Line {reader.line_num}: {error}", "csv") from None
    for (day, model), (cost, _) in sums.items():
        if cost is not None and abs(cost) > amounts.MAX_USD:
            raise Invalid(f"{model[:60]} costs more on {day} than can be booked", "csv")
    return [
        ReportedUsage(day, model, cost, None if tokens is None else int(tokens))
        for (day, model), (cost, tokens) in sorted(sums.items())
    ]


def same_model(name: str) -> str:
    """The normal form of a model's name, equal for a display name, an alias and a dated id."""
    words = re.findall(r"[a-z]+|[0-9]+", re.sub(r"-?20\d{2}-?\d{2}-?\d{2}$", "", name.lower().rpartition("/")[2]))
    return " ".join(sorted(words))


def _shape(provider: str, header: list[str], columns: Mapping[str, str] | None) -> _Format:
    if provider == "generic":
        named = dict(columns or {})
        if not {"date", "model"} <= named.keys() or not {"cost", "input", "output"} & named.keys():
            raise Invalid("Name the file's columns: date, model, and cost or input and output", "columns")
        if missing := [name for name in named.values() if name not in header]:
            raise Invalid(f"The file has no column {missing[0]!r}; it has: {', '.join(header)[:300]}", "columns")
        tokens = tuple(named[key] for key in ("input", "output") if key in named)
        return _Format(frozenset(), named["date"], _column(named["model"]), cost=named.get("cost", ""), tokens=tokens)
    for shape in FORMATS[provider]:
        if shape.needs <= set(header):
            return shape
    expected = "; or ".join(", ".join(sorted(shape.needs)) for shape in FORMATS[provider])
    raise Invalid(f"These are not the columns of a {provider} export ({expected}); it has: {', '.join(header)[:300]}", "csv")


def _add(sums: dict[tuple[date, str], list[Decimal | None]], row: Row, shape: _Format) -> None:
    if not any(row.values()) or (shape.cost and not row.get(shape.cost)):
        return  # a blank line, or a day without usage
    model = shape.model(row).strip()
    if not model:
        raise ValueError("it names no model: export by model (at OpenAI: grouped by line item)")
    at = sums.setdefault((_day(row.get(shape.day, "")), model[:200]), [None, None])
    if shape.cost:
        at[0] = (at[0] or Decimal(0)) + _number(row.get(shape.cost, ""))
    if shape.tokens:
        at[1] = (at[1] or Decimal(0)) + sum(_number(row.get(name) or "0") for name in shape.tokens)


def _day(text: str) -> date:
    if text.isascii() and text.isdigit() and len(text) == 10:  # seconds since 1970
        return datetime.fromtimestamp(int(text), UTC).date()
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a date like 2026-08-31") from None
    if not DAYS[0] < stamp.date() < DAYS[1]:
        raise ValueError(f"{text[:40]!r} is out of bounds")
    return stamp.astimezone(UTC).date() if stamp.tzinfo else stamp.date()


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text.replace("$", "").replace(",", "") if NUMBER.fullmatch(text) else "")
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is not a number") from None
    if not value.is_finite() or abs(value) > MAX_NUMBER:
        raise ValueError(f"{text[:40]!r} is out of bounds")
    return value
