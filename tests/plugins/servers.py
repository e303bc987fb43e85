"""Real servers for every test run: Valkey always, PostgreSQL when MUSTER_TEST_DATABASE=postgresql.

Loaded with `-p` (pyproject.toml). The addresses must be in the environment before Django's settings are read, which
pytest-django does in the same hook: hence the wrapper, which runs before any other. Each xdist worker has a Valkey and a data
directory of its own, so no test hears another's doorbells; they share the controller's PostgreSQL, a database each.
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_owner: subprocess.Popen[str] | None = None


# Where bytecode is off, a run would compile every module anew, and so would each process that it starts.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(args: list[str]) -> Generator[None]:
    _start(is_worker="PYTEST_XDIST_WORKER" in os.environ)
    return (yield)


def pytest_unconfigure() -> None:
    if _owner and _owner.stdin:
        _owner.stdin.close()
        _owner.wait(timeout=30)


def _start(*, is_worker: bool) -> None:
    global _owner
    database = os.environ.get("MUSTER_TEST_DATABASE", "sqlite")
    if database not in ("sqlite", "postgresql"):
        raise pytest.UsageError(f"MUSTER_TEST_DATABASE is sqlite or postgresql, not {database!r}")
    requested = ["valkey"] + ["postgresql"] * (database == "postgresql" and not is_worker)
    _owner = subprocess.Popen(
        [sys.executable, "-m", "tests.plugins.throwaway", *requested],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests; this one ends by itself after them
    )
    assert _owner.stdout
    answer = _owner.stdout.readline()
    if not answer:
        raise pytest.UsageError("the servers for the tests did not start (see above)")
    for name in [name for name in os.environ if name.startswith("MUSTER_") and not name.startswith("MUSTER_TEST_")]:
        del os.environ[name]  # what the developer has set for `up` is not for the tests
    if os.environ.get("MUSTER_TEST_SSO"):  # tests/sso, which change the address
        os.environ["MUSTER_OIDC_ISSUER"] = "http://127.0.0.1:1"
    if not is_worker:
        os.environ.pop("DATABASE_URL", None)
    os.environ.update(json.loads(answer))
    if not is_worker:  # a file of the run, for tests that run alone (pool.py)
        os.environ["MUSTER_TEST_TURN"] = str(Path(os.environ["MUSTER_DATA_DIR"]).with_name("turn"))
    os.environ["MUSTER_SANDBOX"] = (
        "none"  # tests/sandbox and tests/agents choose otherwise: other tests' agents touch files all over the host
    )
