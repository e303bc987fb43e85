"""The compose file resolves, and refuses to without each of its secrets."""

import os
import subprocess
import sys

SECRETS = ("POSTGRES_PASSWORD", "MUSTER_SECRET_KEY")
COMMAND = ["docker-compose", "-f", "deploy/compose.yaml", "config", "--quiet"]


def resolve(*given: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return subprocess.run(
        COMMAND, env=env | dict.fromkeys(given, "x"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def main() -> int:
    whole = resolve(*SECRETS)
    print(whole.stdout, end="")
    problems = int(whole.returncode != 0)
    for secret in SECRETS:
        without = resolve(*(name for name in SECRETS if name != secret))
        if without.returncode == 0 or secret not in without.stdout:
            print(f"It resolves without {secret}")
            problems += 1
    return problems


if __name__ == "__main__":
    sys.exit(main())
