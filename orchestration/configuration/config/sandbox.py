"""The sandbox and the resource limits of a workspace's processes."""

import posixpath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from orchestration.configuration.config import hosts
from orchestration.configuration.config.fields import Part, key


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


def _in_home(paths: list[str]) -> list[str]:
    """Normal paths from `~/`, none of them in another one. Raises ValueError."""
    plain = ["~/" + posixpath.normpath(path.removeprefix("~/")).lstrip("/") for path in paths]
    if "~/." in plain:
        raise ValueError("must name a folder, and no whole home")
    for path in plain:
        if other := next((other for other in plain if path != other and f"{path}/".startswith(f"{other}/")), ""):
            raise ValueError(f"{path} lies in {other}")
    return list(dict.fromkeys(plain))


def _from_home(path: str) -> str:
    if not path.startswith("~/"):
        raise ValueError("must begin with ~/")
    return path


CachePaths = Annotated[list[Annotated[SandboxPath, AfterValidator(_from_home)]], Field(max_length=20), AfterValidator(_in_home)]

Host = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(hosts.listed)]


class Sandbox(Part):
    """The sandbox of a session's processes."""

    mode: Literal["auto", "bubblewrap", "none"] = key(
        "auto", "Mode", "`auto`: bubblewrap where it works ([Security](docs/explanation/security.md#the-sandbox))."
    )
    required: bool = key(False, "Required", "Without a working sandbox no session starts.")
    read: SandboxPaths = key(
        list, "Readable", "More files and folders of the host that processes may read: absolute, or from `~/`."
    )
    write: SandboxPaths = key(
        list, "Writable", "More that they may also write; a program or file that `setup` or `verify` names is refused there."
    )
    network: Literal["open", "auto", "private", "proxy", "none"] = key(
        "open",
        "Network",
        "`open`: the host's network. `proxy`: [known hosts only](docs/explanation/security.md#the-proxy). `none`: no "
        "network, for command agents, whose usage comes on stdout. `auto`: `proxy` for agents behind the gateway, else `open`. "
        "`private`, which new workspaces have where it works: as `auto`, with [a loopback for each working copy and each "
        "judgement](docs/explanation/security.md#a-loopback-of-its-own).",
    )
    allow: list[Host] = key(
        list,
        "Hosts",
        "With a proxy: more hosts, as `host` (ports 80 and 443), `host:port` or `*.domain`. `private` reads ports of `localhost`.",
        max_length=200,
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.mode == "none" and self.required:
            raise ValueError("with the mode none there is no sandbox that could be required")
        if self.mode == "none" and self.is_bounded:
            raise ValueError("with the mode none there is no sandbox that could keep its processes off the network")
        return self

    @property
    def is_bounded(self) -> bool:
        """True if no process may have the host's network. Without a sandbox none starts then."""
        return self.network in ("proxy", "none")


class Limits(Part):
    """Resource limits of a session; 0: none."""

    file_mb: int = key(100, "File size limit", "A larger file is not committed, and fails the round.", ge=1, le=100_000)
    memory_mb: int = key(
        0,
        "Memory",
        "Of a process and all that it starts; 0: no limit. A control group keeps it, or the shim, which looks each "
        "second; `./muster doctor` names which.",
        ge=0,
        le=10_000_000,
    )
    processes: int = key(
        4096,
        "Max processes",
        "Processes and threads of the same at once, by control group, and in a sandbox by prlimit, which does not bind "
        "root; 0: no limit.",
        ge=0,
        le=1_000_000,
    )
    write_mb: int = key(20_000, "Max file", "Each file that a process in a sandbox writes; 0: no limit.", ge=0, le=10_000_000)

    @property
    def file_bytes(self) -> int:
        return self.file_mb * 2**20

    @property
    def of_tree(self) -> dict[str, int]:
        """The limits of a process's control group."""
        return {"memory_mb": self.memory_mb, "processes": self.processes}
