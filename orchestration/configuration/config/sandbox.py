"""The sandbox around the processes of a workspace, and their limits: what they may see and use."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from orchestration.configuration.config import hosts
from orchestration.configuration.config.fields import Part


def _place(path: str) -> str:
    if not path.startswith(("/", "~/")):
        raise ValueError("must be an absolute path, or begin with ~/")
    if ".." in path.split("/"):
        raise ValueError("may not contain ..")
    if not path.strip("/~"):
        raise ValueError("must name a folder or a file, and no whole disk or home")
    return path


SandboxPath = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00\n]*$"), AfterValidator(_place)]
SandboxPaths = Annotated[list[SandboxPath], Field(max_length=100)]

Host = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(hosts.listed)]


class Sandbox(Part):
    """`mode`: `auto` uses bubblewrap where it works. `required`: without a working sandbox no session starts. `read`, `write`: more folders
    and files of the host. `network`: `proxy` reaches providers, Muster and the hosts in `allow`; `none` has no way out, usage
    comes on stdout only. `auto`, which new workspaces have: `proxy` for agents behind the gateway, `open` for all else.
    """

    mode: Literal["auto", "bubblewrap", "none"] = "auto"
    required: bool = False
    read: SandboxPaths = Field(default_factory=list)
    write: SandboxPaths = Field(default_factory=list)
    network: Literal["open", "auto", "proxy", "none"] = "open"
    allow: Annotated[list[Host], Field(max_length=200)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.mode == "none" and self.required:
            raise ValueError("with the mode none there is no sandbox that could be required")
        if self.mode == "none" and self.is_bounded:
            raise ValueError("with the mode none there is no sandbox that could keep its processes off the network")
        return self

    @property
    def is_bounded(self) -> bool:
        """No process may have the host's network: without a sandbox, none starts."""
        return self.network in ("proxy", "none")


class Limits(Part):
    """What a session may use. `file_mb`: MiB of a file that is committed. For each process of a session with all that it starts, 0 for no
    limit: `memory_mb`, by its control group, `processes` at once, with their threads, by its control group and in a sandbox by
    prlimit, and in a sandbox `write_mb`, MiB of any file that they write."""

    file_mb: Annotated[int, Field(ge=1, le=100_000)] = 100
    memory_mb: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    processes: Annotated[int, Field(ge=0, le=1_000_000)] = 4096
    write_mb: Annotated[int, Field(ge=0, le=10_000_000)] = 20_000

    @property
    def file_bytes(self) -> int:
        return self.file_mb * 2**20

    @property
    def of_tree(self) -> dict[str, int]:
        """For the control group of a process."""
        return {"memory_mb": self.memory_mb, "processes": self.processes}
