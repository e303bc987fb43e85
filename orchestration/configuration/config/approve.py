"""The conditions for a person's approval before landing."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from orchestration.configuration.config.checks import Pattern
from orchestration.configuration.config.fields import Amount, Labels, Part, key, micro

Name = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[^\x00\n]*$")]


class Approve(Part):
    """Conditions of work for a person's approval."""

    mode: Literal["never", "always", "when"] = key(
        "never",
        "Work that waits",
        "Which work a person [approves](docs/how-to/approve-before-landing.md) before it lands: `never` none, `always` "
        "all, `when` that for which one of the next four holds.",
    )
    paths: list[Pattern] = key(
        list,
        "Paths",
        "The work changes a path that one of these patterns matches (`*` within a name, `**` across folders).",
        max_length=200,
    )
    cost_usd: Amount | None = key(None, "Cost", "The entry has spent this much, or more.")
    lines: Annotated[int, Field(ge=1, le=10_000_000)] | None = key(
        None, "Changed lines", "The work adds and removes this many lines, or more."
    )
    labels: Labels = key(list, "Labels", "The entry's type, or a label that it requires, is one of these.")
    approvers: list[Name] = key(
        list, "Approvers", "User names: only these people decide. Empty: operators and admins.", max_length=100
    )
    lock_hours: int = key(24, "Keep locks", "After this time a person may release the entry's locks.", ge=1, le=8760)

    @model_validator(mode="after")
    def _has_a_condition(self) -> "Approve":
        if self.mode == "when" and not (self.paths or self.labels or self.lines or self.cost_usd is not None):
            raise ValueError("needs a condition: name paths, cost_usd, lines or labels")
        return self

    @property
    def cost(self) -> int | None:
        """Micro-USD."""
        return None if self.cost_usd is None else micro(self.cost_usd)
