"""The schema of proposed changes of entries (docs/reference/proposals.md). Like the one of entries, it has no amounts."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from orchestration.backlog.splitting import MAX_CHILDREN
from orchestration.proposals.kinds.schema import ProposedEntry, Reference
from orchestration.schemas.entries import Priority, Rounds, Spec
from workspaces.schemas import Line, NonBlank, Strict, not_blank

MAX_CHANGES = 200
Reason = Annotated[Line, Field(min_length=1), AfterValidator(not_blank)]


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


class Split(Strict):
    """`entries`: the children that do its work."""

    kind: Literal["split"]
    entry: Reference
    entries: Annotated[list[ProposedEntry], Field(min_length=2, max_length=MAX_CHILDREN)]
    reason: Reason


AnsweredChange = Change | Drop | Hold | Merge | Split
CHANGE: TypeAdapter[AnsweredChange] = TypeAdapter(Annotated[AnsweredChange, Field(discriminator="kind")])


class NewValues(Strict):
    """What a person sets in a proposed change instead; what is missing stays. `content` and `spec` are those of a merged entry, too;
    `entries` are the children of a split."""

    content: NonBlank | None = None
    spec: Spec | None = None
    priority: Priority | None = None
    depends_on: Annotated[list[Reference], Field(max_length=500)] | None = None
    rounds: Rounds | None = None
    entries: Annotated[list[ProposedEntry], Field(min_length=2, max_length=MAX_CHILDREN)] | None = None
