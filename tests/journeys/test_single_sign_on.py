"""Single sign-on by a certified provider: those tests run in a process where it is set up, as `tests/config/test_single_sign_on.py` runs the others."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_its_tests_with_a_certified_provider_pass() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    for name in ("MUSTER_TEST_COUNTS", "MUSTER_TEST_TURN"):
        env.pop(name, None)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "slow", "tests/sso"]
    run = subprocess.run(command, cwd=ROOT, env=env | {"MUSTER_TEST_SSO": "1"}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
