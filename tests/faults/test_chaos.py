"""A minute of `./muster chaos`: faults of every kind, one after the other, break no promise."""

import subprocess
import sys

import pytest

from tests.faults.harness import ROOT


@pytest.mark.timeout(420)
def test_a_minute_of_chaos_breaks_no_promise() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--minutes", "1", "--seed", "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert "Broken promises: 0" in done.stdout
