"""bubblewrap's options: a network only where it is open, what is shown once, and everything private to the process."""

from typing import Any

import pytest

from orchestration.processes import sandbox
from orchestration.processes.sandbox import Box, Link, Mount


def options(**more: Any) -> str:
    return " ".join(
        sandbox.options(Box(**{"cwd": "/work/1", "own": (), "home": "/d/h", "home_at": "/home/me", "tmp": "/d/t", **more}))
    )


@pytest.mark.parametrize(("network", "is_apart"), [("open", False), ("proxy", True), ("none", True)])
def test_a_bounded_network_is_one_of_its_own(network: str, is_apart: bool) -> None:
    assert ("--unshare-net" in options(network=network)) is is_apart


def test_it_has_no_capability_no_terminal_and_namespaces_of_its_own_and_dies_with_its_parent() -> None:
    for words in ("--die-with-parent", "--new-session", "--cap-drop ALL", "--unshare-user", "--unshare-pid", "--unshare-ipc"):
        assert words in options()


def test_the_first_process_is_the_command_unless_bubblewrap_reaps() -> None:
    assert "--as-pid-1" in options() and "--as-pid-1" not in options(reaps=True)


def test_home_and_both_folders_for_temporary_files_are_private() -> None:
    assert "--bind /d/h /home/me" in options()
    assert "--bind /d/t /tmp --bind /d/t /var/tmp" in options()
    for none in ("", "/"):
        assert "/d/h" not in options(home_at=none)
    assert "/var/tmp" not in options(tmp="")


def test_the_system_is_read_only_with_its_links_and_the_root_is_closed_at_the_end() -> None:
    line = options(system=(Mount("/usr", "/usr"), Link("usr/bin", "/bin")), proc=("sys",))
    assert "--ro-bind /usr /usr" in line and "--symlink usr/bin /bin" in line and "--ro-bind /proc/sys /proc/sys" in line
    assert line.endswith("--remount-ro / --chdir /work/1")


def test_each_target_is_shown_once_and_writable_if_one_of_its_mounts_is() -> None:
    read, write, other = Mount("/a", "/a"), Mount("/a", "/a", writable=True), Mount("/b", "/b")
    for shown in ([read, write, other], [write, read, other]):
        assert sandbox.allowed(shown, []) == [write, other]
    assert sandbox.allowed([other, other], []) == [other]


def test_what_is_hidden_is_not_shown_nor_what_lies_in_it_nor_a_neighbour_left_out() -> None:
    shown = [Mount(path, path) for path in ("/srv/muster", "/srv/muster/repos", "/srv/muster-tools")]
    assert sandbox.allowed(shown, ["/srv/muster"]) == [shown[2]]


def test_only_what_lies_below_a_shown_folder_is_covered() -> None:
    shown = [Mount("/srv", "/srv"), Mount("/srv/db", "/srv/db"), Mount("/data/", "/mnt")]
    assert sandbox.covers(shown, ["/srv/db", "/srvx", "/data/keys"]) == [("/srv/db", "/srv/db"), ("/data/keys", "/mnt/keys")]


def test_a_path_is_in_a_folder_by_whole_names() -> None:
    assert all(sandbox.is_in(path, "/a/b") for path in ("/a/b", "/a/b/c")) and sandbox.is_in("/a", "/")
    assert not any(sandbox.is_in(path, "/a/b") for path in ("/a/bc", "/a", "/"))
