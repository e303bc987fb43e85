"""Prompt templates of a workspace."""

from typing import Annotated

from pydantic import StringConstraints, field_validator

from orchestration.configuration.config import prompt_templates
from orchestration.configuration.config.fields import Part

Template = Annotated[str, StringConstraints(min_length=1, max_length=50_000, pattern=r"^[^\x00]*$")]


class Prompts(Part):
    """The workspace's own templates in place of Muster's, in Django's template language."""

    implement: Template | None = None
    review: Template | None = None
    verify: Template | None = None
    plan: Template | None = None
    expand: Template | None = None
    orchestrate: Template | None = None

    @field_validator("implement", "review", "verify", "plan", "expand", "orchestrate")
    @classmethod
    def _compiles(cls, text: str | None) -> str | None:
        if text is not None:
            prompt_templates.check(text)
        return text
