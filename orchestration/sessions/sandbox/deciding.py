"""The confinement in force: decided from the workspace's config, the host's setting, and whether bubblewrap works. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from orchestration.configuration import Config, Sandbox
from orchestration.processes import stage_probe
from orchestration.processes.sandbox import Network
from orchestration.processes.sandbox_probe import Probe

BUBBLEWRAP = "bubblewrap"
IN_A_SANDBOX = {
    "open": "Processes start in a sandbox (bubblewrap), on the host's network.",
    "auto": "Processes start in a sandbox (bubblewrap). Agents behind the gateway reach it, Muster and what sandbox.allow names, by a proxy;"
    " all else is on the host's network.",
    "private": "Processes start in a sandbox (bubblewrap). Each working copy and each judgement has a loopback of its own. Agents behind the gateway reach"
    " it, Muster and what sandbox.allow names, by a proxy; all others reach other hosts, but not this one.",
    "proxy": "Processes start in a sandbox (bubblewrap). They reach their providers, Muster and what sandbox.allow names, by a proxy.",
    "none": "Processes start in a sandbox (bubblewrap), without a network.",
}
"""By the network of the workspace."""
OPEN_CHECKS = (
    "Setup and checks run what agents write, on the host's open network: they reach every port of the host, Muster's own and those of its database among "
    "them, and any other host. sandbox.network: proxy shuts them in."
)
OFFER = (
    "Its sessions and checks share the host's ports: sandbox.network private gives each working copy and each judgement a loopback of its own, and works "
    "on each host that is online."
)
NO_PRIVATE = "no private network: "
"""Before the reason, in a worker's report."""
NOT_PRIVATE = "Setup and checks are on the open network where private networks do not work: "
Mode = Literal["auto", "bubblewrap", "none"]
Setting = Literal["open", "auto", "private", "proxy", "none"]


class HostFault(Exception):
    """This host cannot run this workspace's processes: no entry is to blame, and another host may. The text is a sentence that says what to do."""


class SandboxMissing(HostFault):
    """A sandbox is required, and this host has none that works. The text is a sentence."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`confined`: processes start in bubblewrap, with this network. `why_not`: the reason, if they do not. `not_private`: the reason why this host
    has no private network for them."""

    confined: bool
    why_not: str = ""
    network: Setting = "open"
    not_private: str = ""

    @property
    def sentence(self) -> str:
        if self.confined:
            return IN_A_SANDBOX[self.network] + (f" {NOT_PRIVATE}{self.not_private}." if self.not_private else "")
        return f"Processes start without a sandbox: {self.why_not}. They can read and write what the worker's user can."


def of_workspace(config: Config, *, has_gateway: bool) -> Sandbox:
    """The sandbox of its config. Without a gateway, `auto` is the host's network."""
    if config.sandbox.network != "auto" or (has_gateway and config.gateway != "off"):
        return config.sandbox
    return config.sandbox.model_copy(update={"network": "open"})


def network_of(network: Setting, *, behind_gateway: bool) -> Network | Literal["private"]:
    """The network of one process. `behind_gateway`: it is an agent whose requests pass through the gateway."""
    if network in ("auto", "private") and behind_gateway:
        return "proxy"
    return "open" if network == "auto" else network


def sentence_on_checks(config: Sandbox) -> str:
    """A sentence where setup and checks reach everything; else empty."""
    return OPEN_CHECKS if network_of(config.network, behind_gateway=False) == "open" else ""


def offer(config: Sandbox, *, works: bool) -> str:
    """A sentence where private networks work and the workspace shares its hosts' ports; else empty: `proxy` and `none` are choices."""
    return OFFER if works and config.mode != "none" and config.network in ("open", "auto") else ""


def network_sentence(decision: Decision, name: str, *, behind_gateway: bool, past: str) -> str:
    """The network of an agent's process, and why it is that; empty: all processes of the workspace have the same. `past`: the reason why it goes past the
    gateway."""
    if not decision.confined or decision.network not in ("auto", "private", "proxy"):
        return ""
    if behind_gateway:
        return f"Network of {name}: the gateway, Muster and what sandbox.allow names."
    places = {"auto": "the host's", "private": "its working copy's own, and other hosts"}
    where = places.get(decision.network, "its provider, Muster and what sandbox.allow names")
    return f"Network of {name}: {where}. {past}".rstrip(". ") + "."


def on_host(host: str, probe: Probe, not_private: str) -> str:
    """A worker's report on its host's sandbox: `bubblewrap 0.12.0; private networks work`, or `none` with the reason."""
    if host == "none":
        return "none: MUSTER_SANDBOX is none on this host"
    if not probe.works:
        return f"none: {probe.problem}"
    return f"{BUBBLEWRAP} {probe.version}".strip() + f"; {NO_PRIVATE + not_private if not_private else stage_probe.REPORTED}"


def in_force(config: Sandbox, hosts: Mapping[str, str]) -> tuple[bool, str]:
    """True if all processes of a workspace are confined, and a sentence, from the reports of these hosts' workers."""
    bare = {host: report for host, report in hosts.items() if not report.startswith(BUBBLEWRAP)}
    must = config.required or config.mode == "bubblewrap" or config.is_bounded
    if config.mode == "none":
        return (
            False,
            "Processes start without a sandbox: sandbox.mode is none. They can read and write what the worker's user can.",
        )
    if not hosts:
        return True, "No session worker is online."
    if not bare:
        lacking = [
            f"{host} ({report.partition(NO_PRIVATE)[2] or 'its release has none'})"
            for host, report in sorted(hosts.items())
            if stage_probe.REPORTED not in report
        ]
        lacking = lacking if config.network == "private" else []
        return True, IN_A_SANDBOX[config.network] + (f" {NOT_PRIVATE}{'; '.join(lacking)}." if lacking else "")
    where = "; ".join(f"{host}: {report.removeprefix('none: ')}" for host, report in sorted(bare.items()))
    if must:
        return False, f"A sandbox is required, and there is none on {where}. Nothing starts there."
    return False, f"Processes start without a sandbox on {where}. They can read and write what the worker's user can."


def decide(config: Sandbox, host: Mode, probe: Probe, *, not_private: str = "") -> Decision:
    """The stricter of the workspace and the host counts. `not_private`: the reason why this host has no private network, if it is asked for.
    Raises SandboxMissing."""
    must = config.required or "bubblewrap" in (config.mode, host) or config.is_bounded
    if host == "none" and must:
        raise SandboxMissing("The workspace requires a sandbox, and MUSTER_SANDBOX is none on this host")
    if "bubblewrap" not in (config.mode, host) and "none" in (config.mode, host):
        return Decision(False, "MUSTER_SANDBOX is none on this host" if host == "none" else "sandbox.mode is none")
    if probe.works:
        if config.network == "private" and not_private:
            return Decision(True, network="auto", not_private=not_private)
        return Decision(True, network=config.network)
    if must:
        raise SandboxMissing(f"A sandbox is required, and bubblewrap does not work on this host: {probe.problem}")
    return Decision(False, f"bubblewrap does not work on this host: {probe.problem}")
