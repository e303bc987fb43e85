"""The forge for landing by pull requests."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, StringConstraints, model_validator

from orchestration import forges
from orchestration.configuration.config.fields import REF, Part, key
from workspaces.schemas import OneOf

# A leading `~` is of a person's own repository on some servers. The path is only ever a part of URLs, where it means nothing else.
_REPOSITORY = re.compile(r"~?[A-Za-z0-9][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){1,9}")


_PUBLIC_SERVERS = " or ".join(f"{title}'s" for title in forges.with_public_server())


def _address(url: str) -> str:
    if url and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._/-]*)?", url):
        raise ValueError("must be an address like https://git.example.com, without a user or password")
    return url


def _repository(name: str) -> str:
    if not _REPOSITORY.fullmatch(name) or ".." in name:
        raise ValueError("must be the repository's path there, like team/shop")
    return name


class Forge(Part):
    """Its credentials are the secrets FORGE_TOKEN and FORGE_WEBHOOK_SECRET, which no agent gets."""

    kind: Annotated[str, OneOf(forges.KINDS)] = key(..., "Kind", "The program of the server.")
    repository: Annotated[str, AfterValidator(_repository)] = key(..., "Repository", "Its path there, as `team/shop`.")
    url: Annotated[str, AfterValidator(_address)] = key(
        "",
        "Address",
        f"A server of your own, as `https://git.example.com`; GitHub Enterprise: with `/api/v3`. Empty: {_PUBLIC_SERVERS}.",
        max_length=300,
    )
    remote: Annotated[str, StringConstraints(pattern=REF)] = key(
        "origin", "Remote", "The remote for the branches of pull requests."
    )
    merge_by: Literal["person", "muster"] = key(
        "person", "Merged by", "`person`, or `muster`: once CI is green and a person approved it there."
    )
    stack: bool = key(
        False,
        "Work on top of open pull requests",
        "Dependents [start from the open pull request](docs/how-to/land-by-pull-request.md#work-on-top-of-an-open-pull-request).",
    )
    method: Literal["merge", "squash", "rebase"] = key(
        "merge", "Method", "How Muster merges. GitLab takes its project's setting, and squashes if this is `squash`."
    )
    show_cost: bool = key(False, "Show the cost", "The pull request names the work's cost, where others may read it.")

    @model_validator(mode="after")
    def _has_an_address(self) -> "Forge":
        if problem := forges.KINDS[self.kind].CONFIG.problem(self.kind, self.url, self.repository):
            raise ValueError(problem)
        return self
