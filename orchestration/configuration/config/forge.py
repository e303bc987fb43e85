"""The forge where work lands as pull requests."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from orchestration import forges
from orchestration.configuration.config.fields import REF, Part
from workspaces.schemas import OneOf

# A leading `~` is of a person's own repository on some servers. The path is only ever a part of URLs, where it means nothing else.
_REPOSITORY = re.compile(r"~?[A-Za-z0-9][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){1,9}")


def _address(url: str) -> str:
    if url and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._/-]*)?", url):
        raise ValueError("must be an address like https://git.example.com, without a user or password")
    return url


def _repository(name: str) -> str:
    if not _REPOSITORY.fullmatch(name) or ".." in name:
        raise ValueError("must be the repository's path there, like team/shop")
    return name


class Forge(Part):
    """`url`: of a server of your own; empty: the forge's public one. `repository`: its path there. `remote`: to which branches are
    pushed. `merge_by`: `muster` merges once CI is green and a person approved it there. `stack`: what depends on an entry starts from its open pull
    request, and waits for the merge no longer. `show_cost`: in the pull request, where others may
    read it. Its credentials are the secrets FORGE_TOKEN and FORGE_WEBHOOK_SECRET, which no agent gets.
    """

    kind: Annotated[str, OneOf(forges.KINDS)]
    url: Annotated[str, Field(max_length=300), AfterValidator(_address)] = ""
    repository: Annotated[str, AfterValidator(_repository)]
    remote: Annotated[str, StringConstraints(pattern=REF)] = "origin"
    merge_by: Literal["person", "muster"] = "person"
    stack: bool = False
    method: Literal["merge", "squash", "rebase"] = "merge"
    show_cost: bool = False

    @model_validator(mode="after")
    def _has_an_address(self) -> "Forge":
        if problem := forges.KINDS[self.kind].CONFIG.problem(self.kind, self.url, self.repository):
            raise ValueError(problem)
        return self
