"""The sandbox of one process: its working copy, its own files, the programs that it may need, and nothing else of the host."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

from django.conf import settings

from orchestration.configuration import Agent, Config, credentials
from orchestration.git.clones.safety import untrusted
from orchestration.processes import sandbox, sandbox_probe, stage_probe
from orchestration.processes.agent_process import Sandboxed, Spec
from orchestration.processes.programs import Finder
from orchestration.processes.sandbox import Box, Mount, Network
from orchestration.sessions.folders import own_files
from orchestration.sessions.folders.session_dir import AGENT_BIN
from orchestration.sessions.sandbox import network, stage, system, visible_paths
from orchestration.sessions.sandbox.deciding import Decision, HostFault, Mode, decide, network_of, of_workspace
from orchestration.sessions.sandbox.faults import building
from orchestration.sessions.sandbox.missing import Missing
from orchestration.sessions.sandbox.stage import RESOLV_CONF, Stage
from orchestration.sessions.sandbox.visible_paths import WORK
from orchestration.sessions.stages import slots
from workspaces.models import Workspace

SERVICE_AT = "/run/muster/service"
SERVICE_USER = 1000
AS_ROOT = os.geteuid() == 0
"""Then a service sees itself as SERVICE_USER: databases and browsers refuse to run as root."""
PASSWD = Path(__file__).with_name("passwd")
"""Names SERVICE_USER: initdb asks for the name of its user."""


@dataclass(frozen=True, slots=True)
class Started:
    """The environment and confinement of a process. `sandbox` None: as the worker's user. `env`: all of it. `limits`: of its control group."""

    env: dict[str, str]
    sandbox: Sandboxed | None = None
    limits: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sandboxes:
    """The sandboxes of one session, or of one workspace's lander. `place`: the last part of the fixed path of its working copies.
    `addresses`: of its credentials, which the proxy lets through."""

    config: Config
    workspace: Workspace
    decision: Decision
    place: str
    programs: tuple[str, ...] = field(default=())
    addresses: tuple[str, ...] = field(default=())
    refusals: network.Refusals = field(default_factory=network.Refusals, compare=False)
    stages: dict[Path, Stage] = field(default_factory=dict, compare=False)
    """By the working copy in which their processes start."""
    variables: dict[Path, dict[str, str]] = field(default_factory=dict, compare=False)
    """Of the stages' slots, likewise."""

    def cwd(self, working_copy: Path) -> Path:
        """The working copy as its processes see it: on every host the same, since the conversation of a CLI is bound to it."""
        return Path(WORK, self.place) if self.decision.confined else working_copy

    @building()
    def start(
        self,
        working_copy: Path,
        env: Mapping[str, str],
        *,
        scratch: Path,
        home: Path | None = None,
        files: Iterable[Path] = (),
        logins: Iterable[Path] = (),
        endpoint: str = "",
        questions: Path | None = None,
        agent: Agent | None = None,
        behind_gateway: bool = False,
        service: Path | None = None,
    ) -> Started:
        """`scratch`: a folder for its private HOME and /tmp. `home`: the CLI's own. `files`: what it reads; `logins`: what it may renew.
        `endpoint`: where it reports its usage. `questions`: where it leaves questions for people. `agent`: that it is, if any;
        `behind_gateway`: with the gateway's address in its settings. `service`: the folder of a service's data. Raises HostFault."""
        # What the config names itself, such as a name for compose, wins over the slot's.
        env = {**self.variables.get(working_copy, {}), **env, **self._of_service(service)}
        if not self.decision.confined:
            return Started(env, limits=self.config.limits.of_tree)
        own = _own_mounts(files, logins, questions, home, service)
        own_network, own_stage = network_of(self.decision.network, behind_gateway=behind_gateway), self.stages.get(working_copy)
        joined = own_stage if own_stage is not None and own_stage.network is not None else None
        if joined is not None:
            own.append(Mount(str(RESOLV_CONF), "/etc/resolv.conf"))
        of_box: Network = "joined" if joined is not None else "none" if own_network == "private" else own_network
        box = self._box(working_copy, own, scratch, of_box, SERVICE_USER if service is not None and AS_ROOT else None)
        needs_way_out = own_network == "proxy" or (joined is not None and agent is not None)
        way_out = self._way_out(endpoint, agent if behind_gateway else None, joined) if needs_way_out else None
        interpreter, needed = sandbox_probe.python()
        boxed = Sandboxed(
            sandbox_probe.probe().bwrap,
            sandbox.options(box),
            [interpreter, "-I", "-S", sandbox.INIT],
            needed,
            {"RLIMIT_NPROC": self.config.limits.processes, "RLIMIT_FSIZE": self.config.limits.write_mb * 2**20},
            way_out,
            joined.joined(egress=own_network == "private") if joined is not None else None,
        )
        own_env = {"TMPDIR": "/tmp"} if "TMPDIR" in env else {}
        own_env |= way_out.variables() if way_out and own_network == "proxy" else {}
        return Started({**env, **own_env}, boxed, self.config.limits.of_tree)

    def _of_service(self, folder: Path | None) -> dict[str, str]:
        """The variables of a service, or none."""
        if folder is None:
            return {}
        return {
            "MUSTER_SERVICE_DIR": SERVICE_AT if self.decision.confined else str(folder),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        }

    def _way_out(self, endpoint: str, behind_gateway: Agent | None, joined: Stage | None) -> network.Proxy:
        if behind_gateway is not None:
            hosts = network.for_served(self.config, behind_gateway, endpoint)
        else:
            hosts = network.for_config(self.config, endpoint, *self.addresses)
        if joined is None or joined.network is None:
            return network.Proxy(network.Rules.of(hosts), self.refusals)
        return network.Proxy(network.Rules.of(hosts), self.refusals, taken=joined.network.ports, places=joined.agent_places)

    @contextmanager
    def staged(self, working_copy: Path, holder: Spec) -> Iterator[Stage]:
        """Give the processes of this working copy a stage with a slot. `holder`: of the process that holds its network, without its command. Raises
        HostFault."""
        is_private = self.decision.confined and self.decision.network == "private"
        with (
            slots.held(self.workspace.pk, taken=stage.own_ports()) as variables,
            stage.opened(holder, self.config.sandbox) if is_private else nullcontext(Stage()) as opened,
        ):
            self.stages[working_copy], self.variables[working_copy] = opened, variables
            try:
                yield opened
            finally:
                del self.stages[working_copy], self.variables[working_copy]

    def check_stage(self, working_copy: Path) -> None:
        """Raises HostFault where the stage of a process that has just ended is gone: its end says nothing of the work."""
        opened = self.stages.get(working_copy)
        if opened is not None and opened.network is not None and not opened.network.is_alive:
            raise HostFault("The network of a stage ended before its processes did")

    def _box(self, working_copy: Path, mounts: Iterable[Mount], scratch: Path, own_network: Network, user: int | None) -> Box:
        """The sandbox of a process in this working copy, with these mounts besides."""
        cwd, home_at = str(self.cwd(working_copy)), os.environ.get("HOME", "")
        own = [*sandbox_probe.machinery(), Mount(str(working_copy), cwd, writable=True), *self._store, *mounts]
        private = {"/tmp": _folder(scratch / "tmp"), "/var/tmp": _folder(scratch / "tmp")}
        private |= {home_at: _folder(scratch / "home")} if home_at not in ("", "/") else {}
        _make_mount_points(private, [*self._shown, *own])
        return Box(
            cwd=cwd,
            own=tuple(own),
            home=str(scratch / "home"),
            home_at=home_at,
            tmp=str(scratch / "tmp"),
            system=system.mounts(),
            shown=self._shown,
            hidden=frozenset(self._hidden),
            hidden_files=frozenset(path for path in self._hidden if os.path.isfile(path)),
            proc=sandbox_probe.proc_read_only(),
            network=own_network,
            user=user,
        )

    @building()
    def wrap(self, argv: Sequence[str], *, readable: Sequence[Path]) -> list[str]:
        """The command line that runs `argv` where it can read these paths, and write nowhere: for Muster's own git on what an agent wrote. It
        inherits the environment, stdin, stdout and stderr; it has no network, no home and no /tmp."""
        if not self.decision.confined:
            return list(argv)
        program = Finder("", os.environ.get("PATH", "")).of_program(argv[0])
        visible = [
            *visible_paths.mounts(program, writable=False),
            *(Mount(os.path.realpath(path), str(path)) for path in readable),
        ]
        box = Box(
            cwd="/",
            own=tuple(visible),
            home="",
            home_at="",
            tmp="",
            system=system.mounts(),
            proc=sandbox_probe.proc_read_only(),
            network="none",
            reaps=True,
        )
        return [sandbox_probe.probe().bwrap, *sandbox.options(box), "--", *argv]

    @building()
    def missing(self) -> Missing:
        """A reader of a process's lines, which names what the sandbox does not show."""
        home = os.environ.get("HOME", "")
        if not self.decision.confined:
            return Missing(home, ["/"], lambda path: True)
        visible = [mount.target for mount in (*self._shown, *system.mounts()) if isinstance(mount, Mount)]
        own = [WORK, "/proc", "/dev", "/sys", "/run", "/bin", "/sbin", "/lib", "/lib64"]
        return Missing(home, [*visible, *own], lambda path: any(sandbox.is_in(os.path.realpath(path), at) for at in self._hidden))

    def explained(self, output: str) -> str:
        """An output with what the sandbox does not show of what it names."""
        missing = self.missing()
        for line in output.split("\n"):
            missing.read(line)
        return " ".join([*missing.sentences()] or [output.strip()])

    @cached_property
    def _shown(self) -> tuple[Mount, ...]:
        return visible_paths.by_config(self.config, self.programs)

    @cached_property
    def _hidden(self) -> set[str]:
        return visible_paths.hidden(self.workspace)

    @property
    def _store(self) -> list[Mount]:
        """The objects that git needs in a working copy."""
        objects = settings.DATA_DIR / "stores" / self.workspace.pk / "objects"
        return [Mount(str(objects), str(objects))] if objects.is_dir() else []


def for_workspace(config: Config, workspace: Workspace, *, place: str, programs: Sequence[str] = ()) -> Sandboxes:
    """Raises SandboxMissing."""
    needs_probe = "none" not in (config.sandbox.mode, settings.SANDBOX) or config.sandbox.required
    probe = sandbox_probe.probe() if needs_probe or settings.SANDBOX == "bubblewrap" else sandbox_probe.Probe(problem="not tried")
    own = of_workspace(config, has_gateway=bool(settings.GATEWAY_URL))
    not_private = stage_probe.probe().problem if own.network == "private" and probe.works else ""
    decision = decide(own, cast(Mode, settings.SANDBOX), probe, not_private=not_private)
    addresses = credentials.base_urls(workspace.pk, config) if config.sandbox.network == "proxy" else ()
    return Sandboxes(config, workspace, decision, place, tuple(programs), tuple(addresses))


def remove_scratch(folder: Path) -> None:
    """Remove private folders, whatever their processes made of them. Follows no links."""
    with suppress(OSError):
        untrusted.remove(folder)


def _own_mounts(
    files: Iterable[Path], logins: Iterable[Path], questions: Path | None, home: Path | None, service: Path | None
) -> list[Mount]:
    """The mounts of one process, as `Sandboxes.start` describes them."""
    own = [Mount(str(path), str(path)) for path in files if os.path.isfile(path)]
    own += [Mount(os.path.realpath(path), str(path), writable=True) for path in logins]
    if questions is not None:
        own += [Mount(str(questions), str(questions), writable=True), Mount(str(AGENT_BIN), str(AGENT_BIN))]
    if home is not None:
        own.append(Mount(str(home), str(home), writable=True))
    if service is not None:
        own += [Mount(str(service), SERVICE_AT, writable=True), *([Mount(str(PASSWD), "/etc/passwd")] if AS_ROOT else [])]
    return own


def _make_mount_points(private: Mapping[str, str], mounts: Iterable[Mount]) -> None:
    """Make the places for what is mounted into private folders."""
    for mount in mounts:
        for base, folder in private.items():
            name = os.path.relpath(mount.target, base)
            if mount.target == base or not sandbox.is_in(mount.target, base):
                continue
            if os.path.isdir(mount.source):
                own_files.folder(Path(folder), name)
            elif not own_files.is_plain(Path(folder, name)):
                # An earlier process may have left a link: bubblewrap follows it out of the sandbox that it still builds.
                remove_scratch(Path(folder, name))
                own_files.write(Path(folder), name, "")


def _folder(path: Path) -> str:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(path)
