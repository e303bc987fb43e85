"""The agents' CLIs on this host's path, and their versions."""

import os
import re
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from orchestration.worker import agents
from orchestration.worker.agents.shared.interface import Traits

TIMEOUT_S = 10.0
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")  # none of the server's secrets
UNKNOWN = "?"
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?(?:[-+.][0-9A-Za-z]+)*")


def installed(*, within_s: float = TIMEOUT_S) -> dict[str, str]:
    """Version by kind, all queried in parallel. `?`: no version within the time. Leaves out CLIs that are not installed."""
    traits_by_kind = {kind: module.TRAITS for kind, module in agents.KINDS.items() if module.TRAITS.binary}
    with ThreadPoolExecutor(max_workers=len(traits_by_kind) or 1) as pool:
        versions = pool.map(lambda traits: version(traits, within_s=within_s), traits_by_kind.values())
    return {kind: number for kind, number in zip(traits_by_kind, versions, strict=True) if number}


def version(traits: Traits, *, within_s: float = TIMEOUT_S) -> str:
    """The version of a CLI; empty: it is not installed; `?`: none within the time. Captures the output in a file: a child that the CLI leaves running would keep a pipe open."""
    env = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                [traits.binary, *traits.version],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError:
            return ""
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return UNKNOWN
        output.seek(0)
        return found_in(output.read(20_000).decode("utf-8", "replace"))


def found_in(output: str) -> str:
    """The version that a CLI printed, or `?`."""
    match = _VERSION.search(output)
    return match[0][:50] if match else UNKNOWN
