"""On which host an entry's next session runs. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

ANY = frozenset[str]()


@dataclass(frozen=True, slots=True)
class Host:
    """A host whose session workers are online. `slots`: of the workers that may take sessions; `busy`: its open sessions; `free`: its slots
    that no session has. `agents`: kinds whose programs it has. `problem`: why it takes nothing now, or cannot use the workspace's repository,
    as a sentence."""

    id: str
    name: str
    free: int
    slots: int = 0
    busy: int = 0
    agents: frozenset[str] = ANY
    labels: frozenset[str] = ANY
    is_draining: bool = False
    problem: str = ""

    @property
    def takes(self) -> bool:
        """True if it takes sessions of the workspace, once it has a free slot."""
        return not self.is_draining and not self.problem


@dataclass(frozen=True, slots=True)
class Need:
    """The requirements of a session on its host. `host`: the one that has the entry's newest work and its conversation. `is_shared`: the
    others can have that work as well."""

    agents: frozenset[str] = ANY
    labels: frozenset[str] = ANY
    host: str = ""
    is_shared: bool = True
    host_name: str = ""


def choose(hosts: Sequence[Host], need: Need) -> Host | None:
    """The host that has the entry's work, if it has a free slot; else the one with the most free slots that fits."""
    free = [host for host in fitting(hosts, need) if host.free > 0]
    return max(free, key=lambda host: (host.id == need.host, host.free, host.name), default=None)


def choose_several(hosts: Sequence[Host], need: Need, sessions: int) -> tuple[list[Host], list[Host]]:
    """A host for each of so many sessions that start at once, and what is free then. None of them, where one would have no slot."""
    chosen, left = list[Host](), list(hosts)
    for _ in range(sessions):
        host = choose(left, need)
        if host is None:
            return [], list(hosts)
        chosen.append(host)
        left = [replace(each, free=each.free - 1) if each is host else each for each in left]
    return chosen, left


def fitting(hosts: Iterable[Host], need: Need) -> list[Host]:
    """Hosts that could run it, with or without a free slot."""
    bound = bool(need.host) and not need.is_shared
    return [
        host
        for host in hosts
        if need.agents <= host.agents and need.labels <= host.labels and host.takes and (host.id == need.host or not bound)
    ]


def why_none(hosts: Sequence[Host], need: Need) -> str:
    """The reason why no host fits, as a sentence."""
    if need.host and not need.is_shared and (sentence := _why_not_there(hosts, need.host, need.host_name)):
        return sentence
    for agent in sorted(need.agents):
        if not any(agent in host.agents for host in hosts):
            return f"No online host has {agent}: install it on a host, and restart its session worker"
    for label in sorted(need.labels):
        if not any(label in host.labels for host in hosts):
            return f"No online host has the label {label}: set MUSTER_LABELS on a host, and restart its session worker"
    if troubled := [host for host in hosts if host.problem and not host.is_draining]:
        return f"{troubled[0].name}: {troubled[0].problem}"
    if all(host.is_draining for host in hosts):
        return "Every host takes no new sessions: ./muster worker resume on one of them"
    needed = ", ".join(sorted(need.agents | need.labels))
    return f"No online host that takes sessions has all of: {needed}"


def _why_not_there(hosts: Sequence[Host], host_id: str, name: str) -> str:
    """The reason why the host with an entry's newest work does not take it, as a sentence; empty: there is none."""
    there = next((host for host in hosts if host.id == host_id), None)
    if there is None:
        subject = f"{name}, the host that has its newest work," if name else "The host that has its newest work"
        return f"{subject} is not online: start its session worker, and it shares the work"
    if there.is_draining:
        return f"{there.name} has its newest work and takes no new sessions: ./muster worker resume there"
    if len(hosts) == 1:
        return there.problem
    return f"{there.name} has its newest work. {there.problem}" if there.problem else ""


def are_shared(hosts: Iterable[Host], home: str) -> bool:
    """True if several hosts share a workspace's work: those that are online, and `home`, the one that has its repository."""
    return len({host.id for host in hosts} | ({home} if home else set())) > 1
