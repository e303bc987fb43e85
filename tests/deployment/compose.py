"""The compose file resolves, and refuses to without each of its secrets. One number says how long sessions drain."""

import json
import os
import subprocess
import sys

SECRETS = ("POSTGRES_PASSWORD", "MUSTER_SECRET_KEY")
COMMAND = ["docker-compose", "-f", "deploy/compose.yaml", "config"]
DRAINS = {"": ("60", "1m30s"), "5": ("5", "35s"), "600": ("600", "10m30s")}
"""MUSTER_DRAIN_S: what the session worker gets, and the time after which it is killed, 30 s later."""


def resolve(*given: str, options: tuple[str, ...] = ("--quiet",), **more: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in (*SECRETS, *more)}
    return subprocess.run(
        [*COMMAND, *options],
        env=env | dict.fromkeys(given, "x") | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def drain(number: str) -> tuple[str, str]:
    resolved = resolve(*SECRETS, options=("--format", "json"), MUSTER_DRAIN_S=number)
    sessions = json.loads(resolved.stdout)["services"]["sessions"]
    return sessions["environment"]["MUSTER_DRAIN_S"], sessions["stop_grace_period"]


def main() -> int:
    whole = resolve(*SECRETS)
    print(whole.stdout, end="")
    problems = int(whole.returncode != 0)
    for secret in SECRETS:
        without = resolve(*(name for name in SECRETS if name != secret))
        if without.returncode == 0 or secret not in without.stdout:
            print(f"It resolves without {secret}")
            problems += 1
    for number, expected in DRAINS.items():
        if (resolved := drain(number)) != expected:
            print(f"MUSTER_DRAIN_S={number} gives a drain of {resolved[0]} s and a kill after {resolved[1]}")
            problems += 1
    for given, device in ({}, "/dev/net/tun"), ({"MUSTER_TUN": "/dev/null"}, "/dev/null"):
        sessions = json.loads(resolve(*SECRETS, options=("--format", "json"), **given).stdout)["services"]["sessions"]
        if f'"{device}' not in json.dumps(sessions["devices"]):
            print(f"With {given} it has the devices {sessions['devices']}")
            problems += 1
    return problems


if __name__ == "__main__":
    sys.exit(main())
