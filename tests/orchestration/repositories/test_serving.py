"""The repository that Muster itself serves: what a worker's token lets it move there, and for how long."""

import asyncio
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from django.utils.timezone import now

from orchestration.git import branches
from orchestration.repositories import claims, serving, worker_tokens
from tests.factories import a_workspace, an_entry
from tests.orchestration.git.repositories import a_repository, git, try_git
from tests.orchestration.worker.sessions.shop import until
from workspaces.models import Workspace

ENTRY = "refs/muster/entries/entry_00000000000000000001"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return a_workspace(repo=str(a_repository(tmp_path / "repo")))


@pytest.fixture
def url(workspace: Workspace) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(serving.application, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/git/{workspace.pk}"
    finally:
        server.should_exit = True
        thread.join(20)


def moves(workspace: Workspace, url: str, header: str, *refs: str) -> bool:
    pushed = [f"main:{ref}" for ref in refs]
    return try_git(Path(workspace.repo), "-c", f"http.extraHeader={header}", "push", "--quiet", url, *pushed)[0] == 0


def test_a_token_moves_the_ref_that_it_names_and_no_other(workspace: Workspace, url: str) -> None:
    header = worker_tokens.header(workspace.pk, ENTRY)
    assert not moves(workspace, url, header, f"{ENTRY}9")
    assert not moves(workspace, url, header, ENTRY, f"{ENTRY}9")
    assert not moves(workspace, url, header, "refs/heads/other")
    assert git(Path(workspace.repo), "for-each-ref", "refs/muster", "refs/heads/other") == ""
    assert moves(workspace, url, header, ENTRY)


def test_no_token_moves_what_is_not_musters(workspace: Workspace, url: str) -> None:
    for ref in ("refs/heads/other", "refs/tags/v1", "HEAD"):
        assert not moves(workspace, url, worker_tokens.header(workspace.pk, ref), ref)


def test_a_token_to_read_reads_and_moves_nothing(workspace: Workspace, url: str) -> None:
    header = worker_tokens.header(workspace.pk, worker_tokens.NOTHING)
    assert not moves(workspace, url, header, ENTRY)
    assert "refs/heads/main" in git(Path(workspace.repo), "-c", f"http.extraHeader={header}", "ls-remote", url)


def test_a_token_of_another_workspace_or_an_old_one_opens_nothing(
    workspace: Workspace, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = worker_tokens.header("ws_00000000000000000009", ENTRY)
    assert not moves(workspace, url, other, ENTRY)
    monkeypatch.setattr(worker_tokens, "VALID_S", -1)
    assert not moves(workspace, url, worker_tokens.header(workspace.pk, ENTRY), ENTRY)


def test_a_push_is_answered_after_its_last_byte_since_a_proxy_passes_no_more_once_it_has_an_answer(
    workspace: Workspace, url: str
) -> None:
    address = urlsplit(url)
    lines = [
        f"POST {address.path}/git-receive-pack HTTP/1.1",
        f"Host: {address.netloc}",
        worker_tokens.header(workspace.pk, ENTRY),
    ]
    lines += ["Content-Type: application/x-git-receive-pack-request", "Transfer-Encoding: chunked", "", "4\r\n0000", ""]
    with socket.create_connection(("127.0.0.1", address.port or 0), 20) as link:
        link.sendall("\r\n".join(lines).encode())
        assert not select.select([link], [], [], 1.0)[0], "git itself begins its answer at once"
        link.sendall(b"0\r\n\r\n")
        assert link.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("body", [b"", b"zzzz", b"0004", b"00", b"0032" + b"x" * 10, b"-001", b"0006\0\0"])
def test_a_push_that_cannot_be_read_is_not_taken_for_an_empty_one(body: bytes) -> None:
    assert serving._commands(body) is None


@pytest.mark.parametrize("more", ["\u00a0", "\u2003", "\u0085"])
def test_a_ref_is_compared_byte_by_byte(workspace: Workspace, url: str, more: str) -> None:
    assert not moves(workspace, url, worker_tokens.header(workspace.pk, ENTRY), f"{ENTRY}{more}")
    assert git(Path(workspace.repo), "for-each-ref", "refs/muster") == ""


def answer(path: str, header: str, *, body: bytes = b"", method: str = "GET") -> tuple[int, str]:
    """The answer to one request, past the network."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "path": path,
        "method": method,
        "query_string": b"service=git-upload-pack",
        "headers": [(b"authorization", header.partition(": ")[2].encode())],
    }
    asyncio.run(serving.application(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode("utf-8", "replace")


def test_only_a_workers_token_of_this_workspace_is_answered(workspace: Workspace) -> None:
    own = worker_tokens.header(workspace.pk)
    path = f"/git/{workspace.pk}/info/refs"
    assert answer(path, own)[0] == 200
    for header in ("", "Authorization: Bearer x", worker_tokens.header("ws_00000000000000000009")):
        status, sentence = answer(path, header)
        assert status == 403 and "all hosts need the same MUSTER_SECRET_KEY" in sentence
    for odd in (f"/git/{workspace.pk}/config", f"/git/{workspace.pk}/info/refs/x", "/git/x/info/refs", "/git/"):
        assert answer(odd, own)[0] == 404


@pytest.mark.parametrize("body", [b"", b"zzzz", b"0032" + b"x" * 10])
def test_a_push_whose_refs_cannot_be_read_is_refused_whatever_the_token(workspace: Workspace, body: bytes) -> None:
    path = f"/git/{workspace.pk}/git-receive-pack"
    for scope, words in (("refs/muster/", "refs/muster/ alone"), (ENTRY, f"{ENTRY} alone"), ("", "reading alone")):
        status, sentence = answer(path, worker_tokens.header(workspace.pk, scope), body=body, method="POST")
        assert status == 403 and words in sentence


def test_only_branches_of_entries_of_the_workspace_are_shown(workspace: Workspace) -> None:
    entry, foreign = an_entry(workspace), an_entry(a_workspace(name="Other", repo=workspace.repo), content="Elsewhere")
    repo = Path(workspace.repo)
    work = git(repo, "commit-tree", "main^{tree}", "-p", "main", "-m", "work")
    for row in (entry, foreign):
        git(repo, "update-ref", claims.ref_of(row.pk), work)
    serving._show_branches(workspace.pk, {entry.pk, foreign.pk})
    assert (branches.tip(repo, entry.branch), branches.tip(repo, foreign.branch)) == (work, None)


@pytest.mark.parametrize("change", [{"host_id": "host_elsewhere"}, {"deleted_at": now()}])
def test_a_repository_that_is_on_another_host_or_of_a_deleted_workspace_is_not_served(
    workspace: Workspace, change: dict[str, Any]
) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(**change)
    status, sentence = answer(f"/git/{workspace.pk}/info/refs", worker_tokens.header(workspace.pk))
    assert status == 404 and "is not on this host" in sentence


def test_the_branch_of_an_entry_follows_what_another_host_pushed_for_it_and_no_other_does(workspace: Workspace, url: str) -> None:
    entry, other = an_entry(workspace), an_entry(workspace)
    foreign = an_entry(a_workspace(name="Other", repo=workspace.repo), content="Elsewhere")
    repo = Path(workspace.repo)
    work = git(repo, "commit-tree", "main^{tree}", "-p", "main", "-m", "work")
    header = worker_tokens.header(workspace.pk)
    for row in (entry, foreign):
        pushed = f"{work}:{claims.ref_of(row.pk)}"
        assert try_git(repo, "-c", f"http.extraHeader={header}", "push", "--quiet", url, pushed)[0] == 0
    until(lambda: branches.tip(repo, entry.branch) == work)
    assert branches.tip(repo, other.branch) is None and branches.tip(repo, foreign.branch) is None
