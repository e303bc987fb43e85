"""The sandbox in force is reported of one host, and of all that run a workspace's sessions."""

import pytest

from orchestration.configuration import Sandbox
from orchestration.processes.agent_process import Ended
from orchestration.processes.sandbox_probe import Probe
from orchestration.sessions.sandbox import faults
from orchestration.sessions.sandbox.deciding import IN_A_SANDBOX, HostFault, in_force, on_host

BEFORE, BARE = "bubblewrap 0.12", "none: no user namespaces"
GOOD, LACKING = f"{BEFORE}; private networks work", f"{BEFORE}; no private network: no passt"


@pytest.mark.parametrize(
    ("host", "probe", "not_private", "report"),
    [
        ("auto", Probe("/usr/bin/bwrap", "0.12"), "", "bubblewrap 0.12; private networks work"),
        ("auto", Probe("/usr/bin/bwrap", "0.12"), "no passt", "bubblewrap 0.12; no private network: no passt"),
        ("bubblewrap", Probe("/usr/bin/bwrap", ""), "", "bubblewrap; private networks work"),
        ("auto", Probe(problem="no user namespaces"), "no passt", "none: no user namespaces"),
        ("none", Probe("/usr/bin/bwrap", "0.12"), "", "none: MUSTER_SANDBOX is none on this host"),
    ],
)
def test_a_worker_reports_what_its_host_has(host: str, probe: Probe, not_private: str, report: str) -> None:
    assert on_host(host, probe, not_private) == report


@pytest.mark.parametrize(
    ("config", "hosts", "is_confined", "words"),
    [
        ({}, {}, True, "No session worker is online"),
        ({}, {"a": GOOD}, True, IN_A_SANDBOX["open"]),
        ({"network": "proxy"}, {"a": GOOD, "b": GOOD}, True, IN_A_SANDBOX["proxy"]),
        (
            {},
            {"b": BARE, "c": GOOD, "a": BARE},
            False,
            "without a sandbox on a: no user namespaces; b: no user namespaces. They can",
        ),
        ({"mode": "none"}, {"a": GOOD}, False, "sandbox.mode is none"),
        ({"mode": "none"}, {}, False, "sandbox.mode is none"),
        ({"required": True}, {"a": BARE}, False, "required, and there is none on a: no user namespaces. Nothing starts there"),
        ({"mode": "bubblewrap"}, {"a": BARE}, False, "Nothing starts there"),
        ({"network": "auto"}, {"a": GOOD}, True, IN_A_SANDBOX["auto"]),
        ({"network": "auto"}, {"a": BARE}, False, "without a sandbox on a: no user namespaces. They can"),
        ({"network": "private"}, {"a": GOOD}, True, IN_A_SANDBOX["private"]),
        ({"network": "private"}, {"a": GOOD, "b": LACKING}, True, "do not work: b (no passt)."),
        ({"network": "private"}, {"a": GOOD, "b": BEFORE}, True, "do not work: b (its release has none)."),
        ({"network": "open"}, {"b": LACKING}, True, IN_A_SANDBOX["open"]),
        ({"network": "none"}, {"a": BARE}, False, "Nothing starts there"),
        ({"required": True}, {"a": GOOD}, True, IN_A_SANDBOX["open"]),
    ],
)
def test_all_processes_are_confined_only_where_every_host_has_a_sandbox(
    config: dict[str, object], hosts: dict[str, str], is_confined: bool, words: str
) -> None:
    confined, sentence = in_force(Sandbox.model_validate(config), hosts)
    assert confined is is_confined and words in sentence


@pytest.mark.parametrize(
    ("program", "cause", "error", "is_the_hosts"),
    [
        ("claude", "start_failed", "No such file or directory", True),
        ("/opt/claude", "start_failed", "Permission denied", True),
        ("./check.sh", "start_failed", "No such file or directory", False),
        ("tools/check", "start_failed", "Exec format error", False),
        ("./check.sh", "start_failed", "the sandbox could not be made: bwrap", True),
        ("claude", "start_failed", "Argument list too long", False),
        ("claude", "exited", "No such file or directory", False),
    ],
)
def test_a_process_that_cannot_start_is_the_hosts_fault_unless_it_was_to_come_from_the_work(
    program: str, cause: str, error: str, is_the_hosts: bool
) -> None:
    ended = Ended(cause=cause, error=error)  # type: ignore[arg-type]
    if is_the_hosts:
        with pytest.raises(HostFault, match=f"{program} could not be started: {error}"):
            faults.check_start([program, "--fast"], ended)
    else:
        assert faults.check_start([program], ended) is ended


def test_a_full_disk_is_no_fault_of_the_sandbox() -> None:
    for problem, raised in ((OSError(28, "No space left on device"), OSError), (OSError(13, "Permission denied"), HostFault)):
        with pytest.raises(raised) as failed, faults.building():
            raise problem
        assert type(failed.value) is raised
