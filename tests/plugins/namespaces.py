"""A probe for namespaces on this machine: `python -m tests.plugins.namespaces` prints the result in a sentence.

A test of the sandbox carries `@pytest.mark.needs_namespaces`. It is skipped where the probe fails, and nowhere else.
"""

import subprocess
from functools import cache

PROBE = [
    *("bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL", "--as-pid-1"),
    *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"),
]


@cache
def missing() -> str:
    """The reason why there are none; empty when there are."""
    try:
        done = subprocess.run(PROBE, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


if __name__ == "__main__":
    print(f"Namespaces: not available ({missing()})" if missing() else "Namespaces: available")
