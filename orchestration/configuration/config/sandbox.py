"""What the processes of a workspace may see and use: the sandbox around them, and their limits."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from orchestration.configuration.config.fields import Part


def _place(path: str) -> str:
    if not path.startswith(("/", "~/")):
        raise ValueError("must be an absolute path, or begin with ~/")
    if ".." in path.split("/"):
        raise ValueError("may not contain ..")
    if not path.strip("/~"):
        raise ValueError("must name a folder or a file, and no whole disk or home")
    return path


Place = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00\n]*$"), AfterValidator(_place)]
Places = Annotated[list[Place], Field(max_length=100)]


class Sandbox(Part):
    """`mode`: `auto` uses bubblewrap where it works. `required`: without a working sandbox no session starts. `read`, `write`: more folders
    and files of the host. `network`: `none` has no way out; usage comes on stdout only.
    """

    mode: Literal["auto", "bubblewrap", "none"] = "auto"
    required: bool = False
    read: Places = Field(default_factory=list)
    write: Places = Field(default_factory=list)
    network: Literal["open", "none"] = "open"

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.mode == "none" and self.required:
            raise ValueError("with the mode none there is no sandbox that could be required")
        return self


class Limits(Part):
    """Of one sandbox. `processes`: at once, with their threads. `write_mb`: of a file that is written, committed or not. 0: no limit."""

    processes: Annotated[int, Field(ge=0, le=1_000_000)] = 4096
    write_mb: Annotated[int, Field(ge=0, le=10_000_000)] = 20_000
