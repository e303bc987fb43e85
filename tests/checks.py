"""`./muster check`: what is checked without running the product. The last line is `N passed, N failed`."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CHECKS = {
    "types (mypy)": [sys.executable, "-m", "mypy"],
    "types of cli (mypy)": [sys.executable, "-m", "tests.cli.types"],
    "lint (ruff check)": [str(BIN / "ruff"), "check", ".", "muster"],
    "format (ruff format)": [str(BIN / "ruff"), "format", "--check", ".", "muster"],
    "templates (djlint)": [str(BIN / "djlint"), "--lint", "--quiet", "templates"],
    "styles and scripts (biome)": [
        shutil.which("biome", path=f"{BIN}{os.pathsep}{os.environ['PATH']}") or "biome",
        "lint",
        "--error-on-warnings",
    ],
    "folders and functions": [sys.executable, "-m", "tests.figures", "--limits"],
    "names": [sys.executable, "-m", "tests.figures", "--names"],
    "import contracts": [str(BIN / "lint-imports"), "--no-cache"],
    "migrations up to date": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
}


def main() -> int:
    if sys.argv[1:] == ["--deploy"]:
        from tests.deployment import checks as deployment  # which reads this module

        return run(deployment.CHECKS, again=deployment.RUNNING)
    return run(CHECKS)


def run(checks: dict[str, list[str]], again: tuple[str, ...] = ()) -> int:
    """`again`: those that run processes, and so run once more alone when they fail, as a slow test does."""
    with tempfile.TemporaryDirectory(prefix="muster-check-") as data, ThreadPoolExecutor(2) as pool:
        # The settings make the data directory: let it be one that nobody misses.
        env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        env["MUSTER_DATA_DIR"] = data
        env["MUSTER_OIDC_ISSUER"] = (
            "http://127.0.0.1:1"  # single sign-on is installed for the checks: its models have types and migrations
        )
        outcomes = list(pool.map(lambda name: check(name, checks[name], env), checks))
        for position, name in enumerate(checks):
            if not outcomes[position] and name in again and check(name, checks[name], env):
                outcomes[position] = True
                print(f"UNSTEADY {name}: failed, and passed when it ran again alone")
    print(f"{sum(outcomes)} passed, {len(outcomes) - sum(outcomes)} failed", flush=True)
    return 0 if all(outcomes) else 1


def check(name: str, command: list[str], env: dict[str, str]) -> bool:
    began = time.monotonic()
    program = shutil.which(command[0])
    if program is None:
        print(f"{name}: FAILED (install {command[0]} on the PATH: requirements/ has none for this machine)", flush=True)
        return False
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    verdict = "ok" if done.returncode == 0 else "FAILED"
    text = f"{name}: {verdict} ({time.monotonic() - began:.1f} s)\n"
    sys.stdout.write(text if verdict == "ok" else f"{text}{done.stdout}\n")
    sys.stdout.flush()
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
