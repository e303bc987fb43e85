"""A short process of Muster's own in a sandbox, without a shim: its caller reads its output and waits for it."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestration.processes.shim import shim_sandbox
from orchestration.sessions.sandbox.sandbox_command import Started


def popen(started: Started, command: Sequence[str], working_copy: Path, **options: Any) -> "subprocess.Popen[bytes]":
    """Start a command as `Sandboxes.start` does. Killing it kills all that it started; so does the end of the calling thread."""
    if started.sandbox is None:
        return subprocess.Popen([*command], cwd=working_copy, env=started.env, start_new_session=True, **options)
    arguments = shim_sandbox.file_with(shim_sandbox.arguments(started.sandbox.options, started.env))
    try:
        command = [started.sandbox.bwrap, "--args", str(arguments), *command]
        return subprocess.Popen(command, env={}, pass_fds=(arguments,), start_new_session=True, **options)
    finally:
        os.close(arguments)
