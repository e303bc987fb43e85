"""Prompt templates of a workspace."""

from typing import Annotated

from pydantic import StringConstraints, field_validator

from orchestration.configuration.config import prompt_templates
from orchestration.configuration.config.fields import Part, key

Template = Annotated[str, StringConstraints(min_length=1, max_length=50_000, pattern=r"^[^\x00]*$")]


class Prompts(Part):
    """The workspace's own templates in place of Muster's, in Django's template language."""

    implement: Template | None = key(
        None,
        "To implement",
        "A [template](docs/reference/agents.md#configuration) in place of Muster's, for the implementing agent.",
        kind="template",
    )
    review: Template | None = key(None, "To review", "For the interceptor.", kind="template")
    verify: Template | None = key(None, "To verify", "For the verifier.", kind="template")
    plan: Template | None = key(None, "To plan", "For the planner.", kind="template")
    expand: Template | None = key(None, "To split an entry", "For the expander.", kind="template")
    orchestrate: Template | None = key(None, "To rearrange the backlog", "For the orchestrator.", kind="template")

    @field_validator("implement", "review", "verify", "plan", "expand", "orchestrate")
    @classmethod
    def _compiles(cls, text: str | None) -> str | None:
        if text is not None:
            prompt_templates.check(text)
        return text
