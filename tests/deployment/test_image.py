"""The image has what Muster is tested with."""

import re
from pathlib import Path

import yaml

from tests.agents import clis

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()


def test_it_installs_the_clis_in_the_versions_of_the_tests() -> None:
    assert not [package for package in (*clis.NPM.values(), *clis.PIP.values()) if package not in DOCKERFILE.split()]


def test_it_has_the_client_of_the_postgresql_that_compose_starts_for_backups() -> None:
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    web = DOCKERFILE.partition("AS muster-sessions")[0]
    assert services["postgres"]["image"].replace("postgres:", "postgresql-client-") in web.split()


def test_what_it_copies_leaves_out_environments_history_and_secrets() -> None:
    assert {".git", ".venv*", ".muster", "deploy/.env", "deploy/muster.env"} <= set((ROOT / ".dockerignore").read_text().split())
    assert not [name for name in (ROOT / ".dockerignore").read_text().split() if re.match(r"(config|orchestration|docs)\b", name)]


def pins(name: str) -> set[str]:
    return set(re.findall(r"^([a-zA-Z0-9._-]+==[^ ]+)", (ROOT / f"requirements/{name}.txt").read_text(), re.M))


def test_what_the_checks_of_deploy_install_changes_nothing_that_the_tests_use() -> None:
    versions = dict(pin.split("==") for pin in pins("dev"))
    assert not [pin for pin in pins("deploy") if versions.get(pin.split("==")[0], pin.split("==")[1]) != pin.split("==")[1]]
