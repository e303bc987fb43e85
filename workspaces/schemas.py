"""The words that all of the API's schemas are made of: strict, bounded, and nothing unknown gets in."""

import unicodedata
from decimal import Decimal
from typing import Annotated, Any

from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema


class Strict(Schema):
    """A request body: an unknown field, a wrong type or a lax number answers 400."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _clean(text: str) -> str:
    """No NUL (PostgreSQL refuses it) and no lone surrogate (it cannot be encoded). NFC, so that equal looks equal."""
    if "\x00" in text or any(0xD800 <= ord(c) < 0xE000 for c in text):
        raise ValueError("may not contain NUL or lone surrogates")
    return unicodedata.normalize("NFC", text)


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("may not be empty")
    return text


def _whole(value: Any) -> Any:
    """JSON has one kind of number: a weight of 1 is a weight of 1.0."""
    return float(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else value


Text = Annotated[str, Field(max_length=100_000), AfterValidator(_clean)]
Said = Annotated[str, Field(min_length=1, max_length=100_000), AfterValidator(_clean), AfterValidator(_said)]
Line = Annotated[str, Field(max_length=500), AfterValidator(_clean)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_clean), AfterValidator(_said)]
Float = Annotated[float, BeforeValidator(_whole), Field(allow_inf_nan=False)]
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]


class _Message(Schema):
    message: str


class Named(Schema):
    """Every error but bad input."""

    name: str
    data: _Message


class _Problem(Schema):
    propertyNames: list[str]
    message: str


class _Nothing(Schema):
    pass


class BadInput(Schema):
    """Bad input: `propertyNames` names the offending path, query or body properties."""

    data: _Nothing
    errors: list[_Problem]
    success: bool


def answers(ok: Any, *, status: int = 200) -> dict[int, Any]:
    """What any operation can answer."""
    return {status: ok, 400: BadInput, 401: Named, 403: Named, 404: Named}
