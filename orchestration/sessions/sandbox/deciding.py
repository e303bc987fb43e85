"""Which confinement is in force: from the workspace's config, the host's setting, and whether bubblewrap works. Pure."""

from dataclasses import dataclass
from typing import Literal

from orchestration.configuration import Sandbox
from orchestration.processes.sandbox_probe import Probe

Mode = Literal["auto", "bubblewrap", "none"]


class SandboxMissing(Exception):
    """A sandbox is required, and this host has none that works. The text is a sentence."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`confined`: processes start in bubblewrap. `why_not`: the reason, if they do not."""

    confined: bool
    why_not: str = ""

    @property
    def sentence(self) -> str:
        if self.confined:
            return "Processes start in a sandbox (bubblewrap)."
        return f"Processes start without a sandbox: {self.why_not}. They can read and write what the worker's user can."


def decide(config: Sandbox, host: Mode, probe: Probe) -> Decision:
    """The stricter of the workspace and the host counts. Raises SandboxMissing."""
    must = config.required or "bubblewrap" in (config.mode, host)
    if host == "none" and must:
        raise SandboxMissing("The workspace requires a sandbox, and MUSTER_SANDBOX is none on this host")
    if "bubblewrap" not in (config.mode, host) and "none" in (config.mode, host):
        return Decision(False, "MUSTER_SANDBOX is none on this host" if host == "none" else "sandbox.mode is none")
    if probe.works:
        return Decision(True)
    if must:
        raise SandboxMissing(f"A sandbox is required, and bubblewrap does not work on this host: {probe.problem}")
    return Decision(False, f"bubblewrap does not work on this host: {probe.problem}")
