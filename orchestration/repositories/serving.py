"""Serves the repositories that are on this host to the workers of other hosts, by git's own smart HTTP program.

An ASGI application beside Django, so that a large pack streams both ways. Workers may read everything, and move the one ref that their token
names: one of Muster's own, or the integration branch, as long as that is not checked out.
"""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.db import close_old_connections

from orchestration import configuration
from orchestration.git import command as git
from orchestration.git import places
from orchestration.git.command import GitError
from orchestration.models import Entry, Executor
from orchestration.repositories import claims, local_repository, worker_tokens

log = structlog.get_logger(__name__)

PATH = re.compile(r"^/git/(ws_[0-9a-z]{16,32})/(info/refs|git-upload-pack|git-receive-pack)$")
CHUNK = 64 * 1024
UNREADABLE = "?"
ENDS_WITHIN_S = 10.0  # once all of its answer is read
_ENTRY = re.compile(r"refs/muster/entries/(entry_[0-9a-z]{16,32})")

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """One request of git's smart HTTP protocol."""
    match = PATH.match(scope["path"])
    headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
    if match is None:
        await _refuse(send, 404, "There is no such repository here")
        return
    scope_of_token = await sync_to_async(_scope, thread_sensitive=False)(headers.get("authorization", ""), match[1])
    if scope_of_token is None:
        await _refuse(send, 403, "Only workers of this Muster may use this repository: all hosts need the same MUSTER_SECRET_KEY")
        return
    options = await sync_to_async(_options, thread_sensitive=False)(match[1])
    if options is None:
        await _refuse(send, 404, "The repository of this workspace is not on this host")
        return
    if match[2] != "git-receive-pack":
        await _serve(scope, headers, match[2], options, receive, send)
        return
    pushed, again = await _began(receive)
    if not worker_tokens.covers(scope_of_token, pushed):
        await _refuse(send, 403, f"This worker's token is for {scope_of_token or 'reading'} alone")
        return
    await _serve(scope, headers, match[2], options, again, send)
    names = {entry[1] for ref in pushed if (entry := _ENTRY.fullmatch(ref))}
    await sync_to_async(_show_branches, thread_sensitive=False)(match[1], names)


def _scope(authorization: str, workspace_id: str) -> str | None:
    try:
        return worker_tokens.scope_of(authorization, workspace_id)
    finally:
        close_old_connections()


def _options(workspace_id: str) -> tuple[Path, dict[str, str]] | None:
    """The repository, and the configuration under which git serves it."""
    try:
        executor = Executor.objects.select_related("workspace").filter(pk=workspace_id, workspace__deleted_at=None).first()
        if executor is None or not local_repository.is_home(executor.workspace):
            return None
        branch = configuration.load(executor.config).integration_branch
        return local_repository.path(executor.workspace), _configuration(branch)
    finally:
        close_old_connections()


async def _began(receive: Receive) -> tuple[set[str], Receive]:
    """The refs that a push moves, with which its body begins; and all its messages, those that were read for this among them."""
    read: list[MutableMapping[str, Any]] = []
    began = b""
    while (names := _commands(began)) is None and len(began) < CHUNK:
        message = await receive()
        read.append(message)
        began += message.get("body", b"")
        if not message.get("more_body", False):
            names = _commands(began)
            break
    replayed = iter(read)

    async def again() -> MutableMapping[str, Any]:
        return next(replayed, None) or await receive()

    return ({UNREADABLE} if names is None else names), again


def _commands(began: bytes) -> set[str] | None:
    """The names in git's packet lines up to the first flush. None: not all of them are there, or they are something else."""
    names, at = set(), 0
    if len(began) < 4:
        return None
    try:
        while size := int(began[at : at + 4], 16):
            line = began[at + 4 : at + size].partition(b"\0")[0]
            if size < 4 or len(began) < at + size + 4:
                return None
            names.add(
                line.split(b" ", 2)[2].removesuffix(b"\n").decode("utf-8", "surrogateescape")
            )  # exactly: git takes it as it is
            at += size
    except (ValueError, IndexError):
        return None
    return names


def _show_branches(workspace_id: str, entry_ids: set[str]) -> None:
    """The branches of these entries follow what another host pushed, so that people see the work. One that is checked out stays."""
    try:
        for entry in Entry.objects.filter(workspace_id=workspace_id, pk__in=entry_ids).select_related("workspace"):
            repo = local_repository.path(entry.workspace)
            if pushed := places.value_of(repo, claims.ref_of(entry.pk)):
                with suppress(GitError):
                    claims.follow(repo, entry.pk, entry.branch, claims.work_of(repo, pushed))
    finally:
        close_old_connections()


def _configuration(integration_branch: str) -> dict[str, str]:
    values = [
        ("core.hooksPath", os.devnull),
        ("receive.fsckObjects", "true"),
        ("receive.autogc", "false"),
        ("receive.denyCurrentBranch", "refuse"),
        ("receive.hideRefs", "refs"),
        ("receive.hideRefs", "!refs/muster"),
        ("receive.hideRefs", f"!refs/heads/{integration_branch}"),
        ("uploadpack.allowAnySHA1InWant", "true"),
        ("http.receivepack", "true"),
    ]
    numbered = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(values)}
    return {
        "GIT_CONFIG_COUNT": str(len(values)),
        **numbered,
        **{f"GIT_CONFIG_VALUE_{n}": text for n, (_, text) in enumerate(values)},
    }


async def _serve(
    scope: MutableMapping[str, Any],
    headers: dict[str, str],
    name: str,
    options: tuple[Path, dict[str, str]],
    receive: Receive,
    send: Send,
) -> None:
    process = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_cgi_variables(scope, headers, name, options),
        limit=CHUNK * 4,
    )
    assert process.stdin and process.stdout
    feeding = asyncio.create_task(_feed(receive, process.stdin))
    try:
        head = await process.stdout.readuntil(b"\r\n\r\n")
        await asyncio.wait([feeding])  # git begins its answer to a push at once; a proxy that gets it passes no more of the pack
        await send(_start(head))
        while chunk := await process.stdout.read(CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        await asyncio.wait_for(
            process.wait(), ENDS_WITHIN_S
        )  # a kill would look for its end, and take that from asyncio's watcher
    except asyncio.IncompleteReadError:
        await _refuse(send, 500, "git could not serve this repository")
    finally:
        feeding.cancel()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        await process.wait()


def _cgi_variables(
    scope: Mapping[str, Any], headers: Mapping[str, str], name: str, options: tuple[Path, dict[str, str]]
) -> dict[str, str]:
    """The environment in which git's CGI program serves this request."""
    repo, configured = options
    return {
        **git.environment(),
        **configured,
        "GIT_PROJECT_ROOT": str(repo),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{name}",
        "REQUEST_METHOD": scope["method"],
        "QUERY_STRING": scope["query_string"].decode("ascii"),
        "CONTENT_TYPE": headers.get("content-type", ""),
        "REMOTE_USER": "muster",
        **({"CONTENT_LENGTH": headers["content-length"]} if "content-length" in headers else {}),
        **({"HTTP_CONTENT_ENCODING": headers["content-encoding"]} if "content-encoding" in headers else {}),
        **({"GIT_PROTOCOL": headers["git-protocol"]} if "git-protocol" in headers else {}),
    }


async def _feed(receive: Receive, stdin: asyncio.StreamWriter) -> None:
    try:
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            stdin.write(message.get("body", b""))
            await stdin.drain()
            if not message.get("more_body", False):
                return
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        stdin.close()


def _start(head: bytes) -> dict[str, Any]:
    """The beginning of a response, from what a CGI program prints."""
    lines = [line.partition(b":") for line in head.strip().split(b"\r\n")]
    fields = {name.lower(): value.strip() for name, _, value in lines}
    status = int(fields.pop(b"status", b"200").split()[0])
    return {"type": "http.response.start", "status": status, "headers": list(fields.items())}


async def _refuse(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{sentence}\n".encode(), "more_body": False})
