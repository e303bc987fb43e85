"""Which agents' CLIs are on this host's path, and in which versions."""

import os
import re
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from orchestration.worker import agents
from orchestration.worker.agents.shared.interface import Traits

ASK_S = 10.0
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")  # none of the server's secrets
UNTOLD = "?"
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?(?:[-+.][0-9A-Za-z]+)*")


def installed(*, within_s: float = ASK_S) -> dict[str, str]:
    """Version by kind, all asked at once. `?`: one that does not tell it in time. One that is not there is left out."""
    asked = {kind: module.TRAITS for kind, module in agents.KINDS.items() if module.TRAITS.binary}
    with ThreadPoolExecutor(max_workers=len(asked) or 1) as pool:
        told = pool.map(lambda traits: _version(traits, within_s), asked.values())
    return {kind: version for kind, version in zip(asked, told, strict=True) if version}


def _version(traits: Traits, within_s: float) -> str:
    """Into a file and not a pipe: what it left running would hold a pipe open."""
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    with tempfile.TemporaryFile() as said:
        try:
            asked = subprocess.Popen(
                [traits.binary, *traits.version],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError:
            return ""
        try:
            asked.wait(within_s)
        except subprocess.TimeoutExpired:
            os.killpg(asked.pid, signal.SIGKILL)
            asked.wait()
            return UNTOLD
        said.seek(0)
        found = _VERSION.search(said.read(20_000).decode("utf-8", "replace"))
    return found[0][:50] if found else UNTOLD
