"""Sends commits, with all that they contain, from one repository that Muster trusts to another: no hooks, no refs, no negotiation."""

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from orchestration.git import command as git
from orchestration.git.command import GitError

UNPACK_LIMIT = 100  # smaller packs become loose objects, as with a fetch
TIMEOUT_S = 3600.0  # the first pack of a large repository
HEADER_BYTES = 12


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository: the folder in which git runs, and what is added to git's environment."""

    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)


def send(source: Repository, target: Repository, wants: Sequence[str], *, known: Sequence[str] = (), strict: bool = False) -> int:
    """Returns the number of objects sent. `known`: commits that both have, all of them whole. `strict`: what the target would not have in
    whole is refused. Raises GitError."""
    request = "".join(f"{line}\n" for line in [*wants, *(["--not", *known] if known else [])])
    over = time.monotonic() + TIMEOUT_S
    with tempfile.TemporaryFile() as errors:
        options = ("--revs", "--stdout", "--quiet", "--thin", "--delta-base-offset")
        packer = _start(source, "pack-objects", *options, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        with packer:
            try:
                count, header = _header(packer, request)
                if count:
                    _receive(target, packer, header, count, strict=strict, over=over)
                _finish(packer, "pack-objects", errors, over)
            except BaseException:
                git.kill(packer)
                raise
    return count


def _header(packer: "subprocess.Popen[bytes]", request: str) -> tuple[int, str]:
    """The number of objects in the pack that begins; 0 also if none begins."""
    assert packer.stdin and packer.stdout
    try:
        packer.stdin.write(request.encode())
        packer.stdin.close()
    except BrokenPipeError:
        return 0, ""
    header = b""
    while len(header) < HEADER_BYTES and (more := packer.stdout.read(HEADER_BYTES - len(header))):
        header += more
    version, count = int.from_bytes(header[4:8]), int.from_bytes(header[8:12])
    return count, f"{version},{count}"


def _receive(
    target: Repository, packer: "subprocess.Popen[bytes]", header: str, count: int, *, strict: bool, over: float
) -> None:
    options = ["--strict"] if strict else []
    command = ["unpack-objects", "-q"] if count < UNPACK_LIMIT else ["index-pack", "--stdin", "--fix-thin"]
    assert packer.stdout
    with tempfile.TemporaryFile() as errors:
        all_options = [*command[1:], *options, f"--pack_header={header}"]
        taker = _start(target, command[0], *all_options, stdin=packer.stdout, stdout=subprocess.DEVNULL, stderr=errors)
        packer.stdout.close()
        with taker:
            try:
                _finish(taker, command[0], errors, over)
            except BaseException:
                git.kill(taker)
                raise


def _finish(process: "subprocess.Popen[bytes]", command: str, errors: IO[bytes], over: float) -> None:
    try:
        code = process.wait(max(over - time.monotonic(), 1))
    except subprocess.TimeoutExpired:
        raise GitError(command, f"git {command} took longer than {TIMEOUT_S:g} s and was ended") from None
    if code:
        errors.seek(0)
        raise GitError(command, errors.read(20_000).decode("utf-8", "backslashreplace"))


def _start(place: Repository, *command: str, stdin: int | IO[bytes], stdout: int, stderr: IO[bytes]) -> "subprocess.Popen[bytes]":
    line, env = git.argv("-C", str(place.folder), *command), {**git.environment(), **place.env}
    return git.start(line, env, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=0)
