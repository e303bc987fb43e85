"""A remote of any kind: which refs it accepts, what it is told, and the sentence when it cannot be used."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.git import command
from orchestration.repositories import claims, remote
from orchestration.repositories.authority import Moved, Unreachable
from orchestration.repositories.remote import Remote
from tests.orchestration.git.repositories import git
from tests.orchestration.repositories import remotes
from tests.orchestration.repositories.test_claims import BRANCH, ENTRY, REF, clone, start, works
from tests.workspaces.notices.receiver import certified
from workspaces.machine import authorities

WIP = f"refs/heads/muster/wip/{ENTRY}"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return remotes.a_remote(tmp_path)


def a_host(bare: Path, name: str, url: str = "") -> Remote:
    return Remote(clone(bare, bare.parent / f"{name}.git"), url or bare.as_uri())


def a_host_again(host: Remote) -> Remote:
    """The same as the next session makes it: it has seen nothing."""
    return Remote(host.repo, host.url)


@pytest.mark.parametrize("hook", ["update", "pre-receive"])
def test_where_only_branches_are_accepted_an_entrys_ref_is_a_branch(bare: Path, hook: str) -> None:
    remotes.refuses(bare, "refs/muster/*")
    if hook == "pre-receive":
        (bare / "hooks" / "update").rename(bare / "hooks" / "one")
        (bare / "hooks" / "pre-receive").write_text("#!/bin/sh\nwhile read old new ref; do hooks/one $ref || exit 1; done\n")
        (bare / "hooks" / "pre-receive").chmod(0o755)
    first, second = a_host(bare, "first"), a_host(bare, "second")
    claims.claim(first, ENTRY, BRANCH, attempt=1, start=start(first))
    assert git(bare, "for-each-ref", "--format=%(refname)", "refs/muster") == ""
    late = works(first, "round 1")
    claims.publish(a_host_again(first), ENTRY, BRANCH)
    assert git(bare, "rev-parse", WIP) == late
    claims.claim(second, ENTRY, BRANCH, attempt=2, start=start(second))
    assert git(second.repo, "rev-parse", BRANCH) == late
    works(first, "late")
    with pytest.raises(Moved):
        claims.publish(first, ENTRY, BRANCH)
    assert list(second.under("refs/muster/entries/")) == [REF]


def test_a_remote_that_refuses_branches_too_is_not_taken_for_one_that_wants_them(bare: Path) -> None:
    host = a_host(remotes.refuses(bare, "*"), "first")
    with pytest.raises(Unreachable, match=r"hook declined.*\. Allow this host's account to push there\. It is tried again"):
        claims.claim(host, ENTRY, BRANCH, attempt=1, start=start(host))
    assert not host.only_branches


def test_a_ref_is_removed_only_where_it_was_last_seen(bare: Path) -> None:
    host = a_host(bare, "first")
    claims.claim(host, ENTRY, BRANCH, attempt=1, start=start(host))
    other = f"{REF}9"
    host.move(other, start(host), before="")
    host.discard({REF: start(host), other: start(host)})
    assert list(host.under(claims.PREFIX)) == [REF]
    host.discard(host.refs(REF))
    host.discard({REF: start(host)})
    assert host.under(claims.PREFIX) == {}


def test_an_entry_that_is_reopened_after_it_landed_begins_anew(bare: Path) -> None:
    """Also on a host that has late work of it, which nobody took."""
    first, second = a_host(bare, "first"), a_host(bare, "second")
    claims.claim(first, ENTRY, BRANCH, attempt=1, start=start(first))
    late = works(first, "late")
    claims.claim(second, ENTRY, BRANCH, attempt=2, start=start(second))
    second.discard(second.refs(REF))
    claims.claim(first, ENTRY, BRANCH, attempt=3, start=start(first))
    assert git(first.repo, "rev-parse", BRANCH) == start(first)
    assert git(first.repo, "rev-parse", f"refs/muster/strayed/{ENTRY}/{late[:12]}") == late


def test_work_that_one_host_has_alone_is_kept_when_its_ref_is_gone(bare: Path) -> None:
    host = a_host(bare, "first")
    claims.claim(host, ENTRY, BRANCH, attempt=1, start=start(host))
    host.discard(host.refs(REF))
    alone = works(host, "alone")
    claims.claim(host, ENTRY, BRANCH, attempt=2, start=start(host), is_shared=False)
    assert git(host.repo, "rev-parse", BRANCH) == alone


def test_a_password_of_an_address_is_in_no_argument_and_no_error(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    popen = subprocess.Popen

    def watched(argv: list[str], **more: object) -> object:
        calls.append(" ".join(map(str, argv)))
        return popen(argv, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(command.subprocess, "Popen", watched)
    with remotes.http_server(tmp_path) as address:
        host = a_host(bare, "first", f"{remotes.with_password(address)}/{bare.name}")
        claims.claim(host, ENTRY, BRANCH, attempt=1, start=start(host))
        assert host.refs(REF)
        wrong = a_host(bare, "second", f"{remotes.with_password(address, 'falsch')}/{bare.name}")
        with pytest.raises(Unreachable, match="Give this host a key or a password") as caught:
            wrong.refs(REF)
    text = "\n".join([*calls, str(caught.value)])
    assert remotes.PASSWORD not in text and "falsch" not in text


@pytest.mark.parametrize(
    ("errors", "tries", "is_reached"),
    [
        (["error: cannot lock ref 'refs/x'"], 2, True),
        (["cannot lock ref", "reference already exists"], 3, True),
        (["cannot lock ref"] * 3, 3, False),
        (["fatal: Could not resolve host: x"], 1, False),
    ],
)
def test_a_fetch_is_repeated_only_where_another_of_this_host_moved_a_ref(
    bare: Path, monkeypatch: pytest.MonkeyPatch, errors: list[str], tries: int, is_reached: bool
) -> None:
    host, calls = a_host(bare, "first"), list[str]()
    attempt = host._attempt

    def stale_at_first(*command: str, **more: object) -> tuple[int, str, str]:
        calls.append(command[0])
        return (1, "", errors[len(calls) - 1]) if len(calls) <= len(errors) else attempt(*command, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(host, "_attempt", stale_at_first)
    if is_reached:
        host.fetch(["refs/heads/main"])
    else:
        with pytest.raises(Unreachable):
            host.fetch(["refs/heads/main"])
    assert calls == ["fetch"] * tries


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where a server accepts, and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_silent_remote_is_given_up(bare: Path, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "LIST_TIMEOUT_S", 0.3)
    with pytest.raises(Unreachable, match="It did not answer in time: look at the network and at that server"):
        a_host(bare, "first", f"http://127.0.0.1:{silent}/x.git").refs(REF)


def test_the_sentence_names_the_next_step(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = remotes.local_ssh(tmp_path / "ssh", monkeypatch)
    with pytest.raises(Unreachable, match="Look at the network of this host"):
        a_host(bare, "a", "git@none.example:x.git").refs(REF)
    with pytest.raises(Unreachable, match="Look at the network of this host"):
        a_host(bare, "b", "http://127.0.0.1:9/x.git").refs(REF)
    with pytest.raises(Unreachable, match="Look at the address"):
        a_host(bare, "c", f"file://{tmp_path}/none.git").refs(REF)
    (folder / "refuses-key").touch()
    with pytest.raises(Unreachable, match="Give this host a key"):
        a_host(bare, "d", f"git@127.0.0.1:{bare}").refs(REF)
    assert "BatchMode=yes" in (folder / "calls").read_text()


@pytest.mark.parametrize("variable", ["GIT_SSL_CAINFO", "SSL_CERT_FILE"])
def test_a_server_with_a_certificate_of_the_companys_own_authority_is_used(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in (*authorities.FILES, *authorities.FOLDERS):
        monkeypatch.delenv(name, raising=False)
    context, certificate = certified("localhost", tmp_path)
    with remotes.http_server(tmp_path, context=context) as address:
        url = remotes.with_password(address).replace("127.0.0.1", "localhost")
        host = a_host(bare, "first", f"{url}/{bare.name}")
        with pytest.raises(Unreachable, match="Let GIT_SSL_CAINFO or SSL_CERT_FILE name"):
            host.refs(REF)
        monkeypatch.setenv(variable, str(certificate))
        claims.claim(host, ENTRY, BRANCH, attempt=1, start=start(host))
        assert host.refs(REF)
