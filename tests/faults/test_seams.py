"""Six cases of `python -m bench seams`, others for each commit: features that meet break no promise."""

import os
import subprocess
import sys

import pytest

from tests.faults.harness import ROOT
from tests.patience import PATIENCE

MINUTES = 8


@pytest.mark.needs_namespaces
@pytest.mark.timeout(MINUTES * 60 * PATIENCE + 60)
def test_six_cases_of_features_that_meet_break_no_promise() -> None:
    command = [sys.executable, "-m", "bench", "seams", "--sound", "--sample", "6"]
    env = {name: value for name, value in os.environ.items() if name != "MUSTER_SANDBOX"}  # other tests run without one
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=MINUTES * 60 * PATIENCE)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert "0 failed" in done.stdout
