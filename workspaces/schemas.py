"""Types of all API schemas: strict, bounded, without unknown fields."""

import math
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from ninja import Query, Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema


class Strict(Schema):
    """A request body: an unknown field, a wrong type or a lax number answers 400."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class OneOf:
    """A text that a registry has: valid, refused and described as a `Literal` of its names."""

    names: Collection[str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.names))


def clean(text: str) -> str:
    """No NUL (PostgreSQL refuses it) and no lone surrogate (it cannot be encoded). NFC, so that equal looks equal."""
    if "\x00" in text or any(0xD800 <= ord(c) < 0xE000 for c in text):
        raise ValueError("may not contain NUL or lone surrogates")
    return unicodedata.normalize("NFC", text)


def not_blank(text: str) -> str:
    """Refuse blank text."""
    if not text.strip():
        raise ValueError("may not be empty")
    return text


def as_float(value: Any) -> Any:
    """JSON has one kind of number: 1 is 1.0. A number beyond any float becomes infinite, and is refused as such."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return value
    try:
        return float(value)
    except OverflowError:
        return float("inf")


MAX_DEPTH = 30


def _plain(value: Any, depth: int = 0) -> Any:
    """Free JSON, made storable: numbers are finite floats, text and keys are clean, and nesting is limited."""
    if depth > MAX_DEPTH:
        raise ValueError(f"is nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        return {clean(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, Decimal):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError("may not contain infinite numbers")
        return number
    return clean(value) if isinstance(value, str) else value


_TAG = re.compile(
    r"(\[key\]|function-(after|before|wrap|plain)|constrained-str|str|int|float|list|dict|nullable|json-or-python)(\[.*\])?", re.S
)


def property_path(loc: Sequence[str | int], *, unknown: bool = False) -> str:
    """The dotted name of the property with a problem, without the tags that pydantic adds for the members of a union. `unknown`: the last
    part is a name that the caller sent."""
    last = len(loc) - 1
    kept = [
        str(part) for n, part in enumerate(loc) if isinstance(part, int) or (unknown and n == last) or not _TAG.fullmatch(part)
    ]
    return ".".join(kept)


Text = Annotated[str, Field(max_length=100_000), AfterValidator(clean)]
NonBlank = Annotated[str, Field(min_length=1, max_length=100_000), AfterValidator(clean), AfterValidator(not_blank)]
Line = Annotated[str, Field(max_length=500), AfterValidator(clean)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean), AfterValidator(not_blank)]
Float = Annotated[float, BeforeValidator(as_float), Field(allow_inf_nan=False)]
Json = Annotated[Any, AfterValidator(_plain)]
Object = Annotated[dict[str, Any], AfterValidator(_plain)]
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]

# The parameters of every list (docs/reference/api.md, Pages).
Limit = Annotated[int, Query(ge=1, le=500)]
"""The size of a page. Each call names its own default."""
Cursor = Annotated[str | None, Query(max_length=60)]
"""The `next_cursor` of the page before; None is the first page."""


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


def responses(ok: Any, *, status: int = 200, conflict: bool = False) -> dict[int, Any]:
    """The responses of an operation: `ok` and the errors that any operation can return. `conflict`: 409 too, when somebody was first."""
    errors = {400: BadInput, 401: Named, 403: Named, 404: Named, 503: Named}
    return {status: ok, **errors} | ({409: Named} if conflict else {})


def extra_content(**contents: Any) -> dict[str, Any]:
    """`openapi_extra` for a response that is not JSON: media type to schema."""
    return {"responses": {200: {"content": {media: {"schema": schema} for media, schema in contents.items()}}}}
