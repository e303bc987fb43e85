"""The number of a release: in one place, and which others may run beside it."""

import tomllib
from pathlib import Path

import pytest
import yaml
from django.test import Client

from workspaces.machine import release

ROOT = Path(__file__).resolve().parents[3]


def test_all_that_names_the_release_takes_its_number_from_one_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"file": "VERSION"}
    chart = yaml.safe_load((ROOT / "deploy/helm/muster/Chart.yaml").read_text())
    assert release.NUMBER == chart["version"] == chart["appVersion"] == (ROOT / "VERSION").read_text().strip()


@pytest.mark.django_db
def test_each_page_shows_it(client: Client) -> None:
    assert f"Muster {release.NUMBER}" in client.get("/login/").content.decode()


@pytest.mark.parametrize("other", ["0.2.3", "0.2.4", "0.2.5"])
def test_the_release_before_and_the_next_are_compatible(other: str) -> None:
    assert release.why_incompatible(other, "0.2.4") == "" == release.why_incompatible("0.2.4", other)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ("", "older than 0.2.0, too old for 0.2.4"),
        ("0.1.0", "is 0.1.0, too old for 0.2.4"),
        ("0.2.2", "is 0.2.2, too old for 0.2.4"),
        ("0.2.6", "is 0.2.6, too new for 0.2.4"),
        ("0.3.0", "is 0.3.0, too new for 0.2.4"),
        ("1.2.4", "is 1.2.4, too new for 0.2.4"),
        ("0.2.4\n", "too old"),
        ("0.2.4rc1", "too old"),
    ],
)
def test_others_do_not_and_a_sentence_names_the_remedy(other: str, sentence: str) -> None:
    assert sentence in release.why_incompatible(other, "0.2.4")
    assert "pdate" in release.why_incompatible(other, "0.2.4")


def test_the_first_of_a_series_is_compatible_with_none_of_the_series_before() -> None:
    assert release.compatible_with("0.3.0") == ("0.3.0", "0.3.1")
    with pytest.raises(ValueError, match="no number of a release"):
        release.compatible_with("next")
