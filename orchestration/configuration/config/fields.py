"""Shared field types of the config, the declaration of a key, and prices."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from budget import amounts
from budget.ledger.prices import Rates

Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]
Command = Annotated[list[Text], Field(min_length=1, max_length=200)] | Text
Seconds = Annotated[int, Field(ge=1, le=86_400)]
REF = r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$"
LABEL = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"


def _label(text: str) -> str:
    if not re.fullmatch(LABEL, text):
        raise ValueError(f"{text[:40]!r} is not a label: use letters, digits, `.`, `_` and `-`, such as gpu")
    return text


Label = Annotated[str, AfterValidator(_label), Field(json_schema_extra={"pattern": LABEL})]
Labels = Annotated[list[Label], Field(max_length=20)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def key(default: Any, title: str, description: str, *, kind: str = "", **bounds: Any) -> Any:
    """Declare a key of the config for its validation, the page *Config*, its search, and docs/reference/config.md.

    A callable default is a factory, `...` none. Without a title the key is only in the page's JSON. The description is Markdown, its links relative to the
    repository. The kind describes a type to people.
    """
    usual = {"default_factory": default} if callable(default) else {"default": default}
    return Field(
        **usual, title=title or None, description=description, json_schema_extra={"kind": kind} if kind else None, **bounds
    )


def plain(markdown: str) -> str:
    """A description without Markdown. A link in parentheses is dropped."""
    text = re.sub(r" \(\[[^]]*\]\([^)]*\)\)", "", markdown)
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text).replace("`", "")


UNITS = {"_s": "seconds", "_usd": "USD", "_bytes": "bytes", "_mb": "MiB", "_h": "hours", "_hours": "hours"}
"""Units by the suffix of a key's name."""


def unit(name: str) -> str:
    """The unit of a key, or ""."""
    return next((word for suffix, word in UNITS.items() if name.endswith(suffix)), "")


Amount = Annotated[Decimal, BeforeValidator(lambda value: Decimal(amounts.from_json(value)) / amounts.MICRO)]
"""USD as a JSON number. `micro` has the exact micro-USD."""


def micro(amount: Decimal) -> int:
    return amounts.usd(str(amount))


class Price(Part):
    """USD per million tokens; 0 is a price, such as a local model's. Unset prices equal that of input."""

    input: Amount
    output: Amount
    cache_read: Amount | None = None
    cache_write: Amount | None = None
    cache_write_1h: Amount | None = None

    @property
    def rates(self) -> Rates:
        def of(value: Decimal | None, usual: Decimal) -> Decimal:
            return usual if value is None else value

        write = of(self.cache_write, self.input)
        return Rates(self.input, self.output, of(self.cache_read, self.input), write, of(self.cache_write_1h, write))


Prices = Annotated[dict[Text, Price], Field(max_length=200)]
