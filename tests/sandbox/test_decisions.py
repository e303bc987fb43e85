"""The sandbox in force follows from the workspace, the host and what works; and bubblewrap's options follow from it."""

import pytest

from orchestration.configuration import Sandbox
from orchestration.processes import sandbox
from orchestration.processes.sandbox import Box, Mount
from orchestration.processes.sandbox_probe import Probe
from orchestration.sessions.sandbox import SandboxMissing, decide

WORKS, BROKEN = Probe("/usr/bin/bwrap", "0.12"), Probe(problem="no user namespaces")


@pytest.mark.parametrize(
    ("mode", "host", "probe", "confined"),
    [
        ("auto", "auto", WORKS, True),
        ("auto", "auto", BROKEN, False),
        ("none", "auto", WORKS, False),
        ("auto", "none", WORKS, False),
        ("none", "bubblewrap", WORKS, True),
        ("bubblewrap", "auto", WORKS, True),
    ],
)
def test_the_stricter_of_workspace_and_host_counts(mode: str, host: str, probe: Probe, confined: bool) -> None:
    decision = decide(Sandbox.model_validate({"mode": mode}), host, probe)  # type: ignore[arg-type]
    assert decision.confined == confined
    assert ("without a sandbox" in decision.sentence) != confined


@pytest.mark.parametrize(
    ("config", "host", "probe", "why"),
    [
        ({"required": True}, "auto", BROKEN, "no user namespaces"),
        ({"mode": "bubblewrap"}, "auto", BROKEN, "no user namespaces"),
        ({}, "bubblewrap", BROKEN, "no user namespaces"),
        ({"network": "proxy"}, "auto", BROKEN, "no user namespaces"),
        ({"network": "proxy"}, "none", WORKS, "MUSTER_SANDBOX is none"),
        ({"network": "none"}, "none", WORKS, "MUSTER_SANDBOX is none"),
        ({"required": True}, "none", WORKS, "MUSTER_SANDBOX is none"),
    ],
)
def test_a_required_sandbox_that_does_not_work_is_refused(config: dict[str, object], host: str, probe: Probe, why: str) -> None:
    with pytest.raises(SandboxMissing, match=why):
        decide(Sandbox.model_validate(config), host, probe)  # type: ignore[arg-type]


def box(*shown: str, hidden: tuple[str, ...] = (), files: tuple[str, ...] = (), own: tuple[Mount, ...] = ()) -> list[str]:
    return sandbox.options(
        Box("/work/1", own=own, home="/d/h", home_at="/home/me", tmp="/d/t", shown=tuple(Mount(path, path) for path in shown),
            hidden=frozenset(hidden), hidden_files=frozenset(files))
    )  # fmt: skip


def after(options: list[str], *words: str) -> int:
    """The index at which these words follow each other."""
    return next(n for n in range(len(options)) if tuple(options[n : n + len(words)]) == words)


def test_what_is_hidden_below_a_shown_folder_is_covered_after_it() -> None:
    options = box("/srv", hidden=("/srv/muster", "/srv/db.sqlite3"), files=("/srv/db.sqlite3",))
    shown = after(options, "--ro-bind", "/srv", "/srv")
    assert after(options, "--tmpfs", "/srv/muster") > shown
    assert after(options, "--ro-bind", "/dev/null", "/srv/db.sqlite3") > shown
    assert after(options, "--remount-ro", "/srv/muster") > after(options, "--tmpfs", "/srv/muster")


def test_what_lies_in_something_hidden_is_not_shown_though_it_was_asked_for() -> None:
    assert "/srv/muster/secret_key" not in box("/srv/muster/secret_key", hidden=("/srv/muster",))


def test_musters_own_mounts_are_there_below_what_is_hidden() -> None:
    options = box("/srv", hidden=("/srv/muster",), own=(Mount("/srv/muster/homes/1", "/srv/muster/homes/1", writable=True),))
    own = after(options, "--bind", "/srv/muster/homes/1", "/srv/muster/homes/1")
    assert after(options, "--tmpfs", "/srv/muster") < own < after(options, "--remount-ro", "/srv/muster")


def test_a_link_to_a_shown_folder_does_not_show_what_is_hidden_in_it() -> None:
    shown = [Mount("/data/home", "/home/me")]
    assert sandbox.covers(shown, ["/data/home/muster"]) == [("/data/home/muster", "/home/me/muster")]


def test_the_private_home_lies_over_a_shown_parent() -> None:
    options = box("/home")
    assert after(options, "--ro-bind", "/home", "/home") < after(options, "--bind", "/d/h", "/home/me")
