"""Measures which statements a process of the test run goes through, into the folder that MUSTER_TEST_COVERAGE names."""

import os
import sys
from pathlib import Path

if sys.version_info >= (3, 12):
    os.environ.setdefault("COVERAGE_CORE", "sysmon")  # costs next to nothing; must be set before coverage is loaded

from coverage import Coverage

ROOT = Path(__file__).resolve().parents[2]
_measured = Coverage(
    data_file=str(Path(os.environ["MUSTER_TEST_COVERAGE"], "data")),
    data_suffix=True,
    source=[str(folder.parent) for folder in ROOT.glob("*/__init__.py") if folder.parent.name not in ("tests", "bench")],
    omit=["*/migrations/*"],
    config_file=False,
)
_measured.start()  # before Django is, so that what runs at import counts


def pytest_unconfigure() -> None:
    _measured.stop()
    _measured.save()
