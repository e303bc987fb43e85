"""The schema of an answer (docs/reference/proposals.md). It has no amounts: people and the allocator divide money, agents do not."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from budget.schemas import Usd
from orchestration.schemas.entries import Priority, Spec
from workspaces.schemas import Float, Line, Name, NonBlank, Strict

MAX_ENTRIES = 200
Chance = Annotated[Float, Field(ge=0, le=1)]
Reference = Annotated[Line, Field(min_length=1, max_length=100)]


class ProposedEntry(Strict):
    """An entry to add. `depends_on`: refs of this answer, or entries of the backlog by id or #number."""

    ref: Annotated[Name, Field(max_length=100)] | None = None
    content: NonBlank
    spec: Spec | None = None
    priority: Priority = "medium"
    depends_on: Annotated[list[Reference], Field(max_length=MAX_ENTRIES)] = []
    parallelizable: bool = True
    parallel_group: Annotated[Name, Field(max_length=100)] | None = None
    group: Annotated[Name, Field(max_length=200)] | None = None

    @property
    def title(self) -> str:
        return self.content.strip().split("\n", 1)[0][:120]

    @property
    def modified(self) -> list[str]:
        return list((self.spec and self.spec.files_to_modify) or ())

    @property
    def created(self) -> list[str]:
        return list(dict.fromkeys([*((self.spec and self.spec.files_to_create) or ()), *self.test_files]))

    @property
    def tests(self) -> list[str]:
        return list((self.spec and self.spec.tests) or ())

    @property
    def test_files(self) -> dict[str, str]:
        return dict((self.spec and self.spec.test_files) or {})

    def stored(self) -> dict[str, Any]:
        """The values as JSON, without those that were not set."""
        return self.model_dump(mode="json", exclude_none=True, exclude_unset=True)


class Estimate(Strict):
    """How likely the entry passes after so many rounds, and what a round costs. A hint: it sets no budget."""

    chance_1: Chance
    chance_2: Chance
    chance_3: Chance
    round_usd: Usd

    @model_validator(mode="after")
    def _rising(self) -> "Estimate":
        if not self.chance_1 <= self.chance_2 <= self.chance_3:
            raise ValueError("chance_1, chance_2 and chance_3 never fall: each includes the rounds before")
        return self

    def stored(self) -> dict[str, Any]:
        """`round`: micro-USD."""
        return {"chances": [self.chance_1, self.chance_2, self.chance_3], "round": self.round_usd}


class AnsweredEntry(ProposedEntry):
    """`reason`: why the agent proposes it."""

    reason: Line = ""
    estimate: Estimate | None = None

    def proposed(self) -> ProposedEntry:
        return ProposedEntry.model_validate(self.model_dump(exclude={"reason", "estimate"}, exclude_unset=True))
