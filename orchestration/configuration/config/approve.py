"""The rules for which verified work a person approves before it lands."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from orchestration.configuration.config.checks import Pattern
from orchestration.configuration.config.fields import Amount, Labels, Part, micro

Name = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[^\x00\n]*$")]


class Approve(Part):
    """`mode`: `never`, `always`, or `when` one of these holds for the work: it changes a file that a pattern of `paths` matches, its entry
    has cost `cost_usd` or more, it changes `lines` lines or more, or its entry has one of `labels`: its type, or a label that it requires.
    `approvers`: user names; only they decide then. `lock_hours`: after so many hours a person may release the locks of work that waits.
    """

    mode: Literal["never", "always", "when"] = "never"
    paths: Annotated[list[Pattern], Field(max_length=200)] = Field(default_factory=list)
    cost_usd: Amount | None = None
    lines: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    labels: Labels = Field(default_factory=list)
    approvers: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    lock_hours: Annotated[int, Field(ge=1, le=8760)] = 24

    @model_validator(mode="after")
    def _has_a_condition(self) -> "Approve":
        if self.mode == "when" and not (self.paths or self.labels or self.lines or self.cost_usd is not None):
            raise ValueError("needs a condition: name paths, cost_usd, lines or labels")
        return self

    @property
    def cost(self) -> int | None:
        """Micro-USD."""
        return None if self.cost_usd is None else micro(self.cost_usd)
