"""The checks of a round: verify commands, the services that they need, and patterns of judging files."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, field_validator

from orchestration.configuration.config.fields import Command, Part, Seconds, key
from orchestration.git.names.reserved_names import is_reserved
from workspaces.schemas import as_float


class Check(Part):
    """One verify command. A check whose scope is its entry is never compared with a base."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00\n]*$")] = key(
        ..., "Name", "Its name in rounds and findings."
    )
    run: Command = key(..., "Command", "Arguments, or text for `sh -c`.")
    junit: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")] | None = key(
        None, "JUnit file", "A JUnit XML file that it writes, by its path in the clone. Unset: its exit code alone counts."
    )
    timeout_s: Seconds = key(600, "Timeout", "It fails after this time.")
    weight: Annotated[float, BeforeValidator(as_float)] = key(
        1.0, "Weight", "How much its score counts.", gt=0, le=1000, allow_inf_nan=False
    )
    rerun: bool = key(True, "Retry once on failure", "Run it again when it fails: if it passes then, it is flaky.")
    scope: Literal["auto", "repository", "entry"] = key(
        "auto",
        "Judges",
        "`repository`: a tree, whatever the entry. `entry`: it [looks at its entry](docs/explanation/landing.md#verdicts). "
        "`auto`: Muster finds out.",
    )

    @field_validator("junit")
    @classmethod
    def _inside(cls, path: str | None) -> str | None:
        parts = [part for part in (path or "x").split("/") if part not in ("", ".")]
        if (path or "").startswith("/") or ".." in parts or not parts or any(map(is_reserved, parts)):
            raise ValueError("must lie inside the clone")
        return path


def _few_wildcards(pattern: str) -> str:
    """Each further wildcard multiplies matching time by the length of a name, and agents choose names."""
    crossing = pattern.count("**")
    if crossing > 3 or any(name.count("*") > 3 for name in pattern.replace("**", "").split("/")):
        raise ValueError("may contain `**` three times, and `*` three times between slashes")
    return pattern


Pattern = Annotated[
    str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00\n/][^\x00\n]*$"), AfterValidator(_few_wildcards)
]

ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class Prepare(Part):
    """The command that makes a service's first data."""

    run: Command = key(..., "Command", "Fills `$MUSTER_SERVICE_DIR`, and leaves nothing running.")
    inputs: list[Pattern] = key(
        list, "Inputs", "Patterns of the repository's files that it reads: their change makes the data anew.", max_length=50
    )
    timeout_s: Seconds = key(600, "Timeout", "It fails after this time.")


class Service(Part):
    """A program that runs as long as what needs it: beside an agent, and beside setup and checks of a judgement."""

    name: ServiceName = key(..., "Name", "Its name in logs and findings.")
    run: Command = key(
        ..., "Command", "Stays in the foreground. Its data belong in `$MUSTER_SERVICE_DIR`, its sockets in `$TMPDIR`."
    )
    ready: Command = key(..., "Ready", "Ends with 0 as soon as the service can be used; it is repeated until then.")
    timeout_s: Seconds = key(60, "Ready within", "A service that is not ready after this time has failed.")
    stop_s: Annotated[int, Field(ge=0, le=300)] = key(5, "Grace", "Between TERM and KILL.")
    memory_mb: int = key(0, "Memory", "Of it and all that it starts; 0: no limit.", ge=0, le=10_000_000)
    prepare: Prepare | None = key(None, "Prepared data", "Made once, and copied for each judgement and each new working copy.")


Services = Annotated[list[Service], Field(max_length=10)]


def with_own_names(services: list[Service]) -> list[Service]:
    """Raises ValueError for a name that occurs twice."""
    names = [service.name for service in services]
    if double := next((name for name in names if names.count(name) > 1), ""):
        raise ValueError(f"there are two services {double!r}: each has a name of its own")
    return services


# Files that commonly judge code. An agent may change one only when its entry names it.
JUDGES = (
    "tests/**",
    "test/**",
    "**/tests/**",
    "**/test/**",
    "**/__tests__/**",
    "**/test_*.py",
    "**/*_test.py",
    "**/*_test.go",
    "**/*.test.*",
    "**/*.spec.*",
    "**/conftest.py",
    "**/pytest.ini",
    "**/.pytest.ini",
    "**/pytest.toml",
    "**/.pytest.toml",
    "**/tox.ini",
    "**/sitecustomize.py",
    "**/usercustomize.py",
    "pytest.py",
    "pytest/__init__.py",
    "unittest.py",
    "unittest/__init__.py",
    "_pytest/__init__.py",
    "pluggy.py",
    "pluggy/__init__.py",
    "coverage.py",
    "coverage/__init__.py",
    "**/pyproject.toml",
    "**/package.json",
    "**/Cargo.toml",
    "**/go.mod",
    "**/setup.cfg",
    "**/noxfile.py",
    "**/jest.config.js",
    "**/jest.config.ts",
    "**/jest.config.mjs",
    "**/jest.config.cjs",
    "**/jest.config.json",
    "**/vitest.config.js",
    "**/vitest.config.ts",
    "**/vitest.config.mjs",
    "**/vitest.config.mts",
    "**/vitest.workspace.ts",
    "**/.mocharc.json",
    "**/.mocharc.js",
    "**/.mocharc.yml",
    "**/.cargo/config.toml",
    "**/GNUmakefile",
    "**/makefile",
    "**/Makefile",
)
