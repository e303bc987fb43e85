"""Single sign-on is an app of its own: where it is not set up nothing of it is there, and its tests run in a process where it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.urls import NoReverseMatch, reverse

from workspaces.people import standing

ROOT = Path(__file__).resolve().parents[2]


def test_without_a_provider_nothing_of_it_is_installed_or_loaded() -> None:
    assert (
        not settings.SSO
        and not apps.is_installed("workspaces.sso")
        and standing.checks == standing.buttons == standing.probes == []
    )
    with pytest.raises(NoReverseMatch):
        reverse("provider-login")
    loaded = (
        "import sys, django; django.setup(); import config.urls; print([n for n in sys.modules if 'joserfc' in n or '.sso' in n])"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    assert subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, env=env, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.timeout(600)
def test_its_own_tests_pass_where_it_is_set_up() -> None:
    of_this_run = ("MUSTER_TEST_COUNTS", "MUSTER_TEST_TURN")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name not in of_this_run}
    measured = ["-p", "tests.plugins.covered"] if "MUSTER_TEST_COVERAGE" in env else []
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "not slow", *measured, "tests/sso"]
    run = subprocess.run(command, cwd=ROOT, env=env | {"MUSTER_TEST_SSO": "1"}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
