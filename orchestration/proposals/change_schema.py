"""The schema of proposed changes of entries (docs/reference/proposals.md). Like the one of entries, it has no amounts."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from orchestration.proposals.schema import Reference
from orchestration.schemas.entries import Priority, Rounds, Spec
from workspaces.schemas import Line, NonBlank, Strict, not_blank

MAX_CHANGES = 200
Reason = Annotated[Line, Field(min_length=1), AfterValidator(not_blank)]


class NewValues(Strict):
    """New values of an entry; what is missing stays. `rounds`: how many it may make in all. `depends_on`: all that it waits for."""

    content: NonBlank | None = None
    spec: Spec | None = None
    priority: Priority | None = None
    depends_on: Annotated[list[Reference], Field(max_length=500)] | None = None
    rounds: Rounds | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.stored():
            raise ValueError(f"names no new value: give one of {', '.join(type(self).model_fields)}")
        return self

    def stored(self) -> dict[str, Any]:
        """As JSON, without what was not set."""
        return self.model_dump(mode="json", exclude_none=True, exclude_unset=True)


class MergedValues(Strict):
    """The text and the spec of an entry that takes over another."""

    content: NonBlank
    spec: Spec | None = None


class Change(Strict):
    kind: Literal["change"]
    entry: Reference
    priority: Priority | None = None
    depends_on: Annotated[list[Reference], Field(max_length=500)] | None = None
    rounds: Rounds | None = None
    reason: Reason


class Drop(Strict):
    kind: Literal["drop"]
    entry: Reference
    reason: Reason


class Hold(Strict):
    kind: Literal["hold"]
    entry: Reference
    reason: Reason


class Merge(Strict):
    """`entry` takes over `with`, which is dropped. `content`: the new text; missing: both texts."""

    kind: Literal["merge"]
    entry: Reference
    other: Annotated[Reference, Field(alias="with")]
    content: NonBlank | None = None
    reason: Reason


AnsweredChange = Change | Drop | Hold | Merge
CHANGE: TypeAdapter[AnsweredChange] = TypeAdapter(Annotated[AnsweredChange, Field(discriminator="kind")])
