"""MUSTER_SECRET_KEY is changed: what is sealed is read with both keys, and sealed anew with the new one."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core import signing
from django.core.management import call_command

from orchestration.configuration import secrets
from orchestration.maintenance import key_rotation
from orchestration.models import Secret
from tests.factories import ANA, a_workspace
from workspaces.models import Workspace
from workspaces.secrets import sealing

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    """With a secret that the old key sealed."""
    workspace = a_workspace()
    secrets.put(workspace.pk, "TOKEN", "the-value-itself", by=ANA)
    return workspace


def change(settings: Any, *, keeps_old: bool) -> None:
    old, settings.SECRET_KEY = settings.SECRET_KEY, "the-new-key-of-this-site"
    settings.SECRET_KEY_FALLBACKS = [old] if keeps_old else []


def rotated(capsys: pytest.CaptureFixture[str], **options: bool) -> tuple[int, str]:
    code = 0
    try:
        call_command("rotate_key", **options)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, capsys.readouterr().out


def value_of(shop: Workspace) -> str:
    row = Secret.objects.get(workspace=shop)
    return sealing.unseal(row.sealed, purpose=secrets.PURPOSE)


def test_with_both_keys_all_is_sealed_anew_and_the_old_one_can_go(
    shop: Workspace, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    signed = signing.dumps("a session")
    change(settings, keeps_old=True)
    assert value_of(shop) == "the-value-itself" and signing.loads(signed) == "a session"
    assert rotated(capsys, check=True)[0] == 3
    code, output = rotated(capsys)
    assert code == 0 and "secrets of workspaces: 1 with MUSTER_SECRET_KEY\n" in output and "the-value" not in output
    settings.SECRET_KEY_FALLBACKS = []
    assert value_of(shop) == "the-value-itself" and rotated(capsys, check=True)[0] == 0


def test_a_process_that_has_both_keys_reads_what_the_new_one_sealed(shop: Workspace, settings: Any) -> None:
    old = settings.SECRET_KEY
    change(settings, keeps_old=True)
    key_rotation.rotate(write=True)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = old, ["the-new-key-of-this-site"]
    assert value_of(shop) == "the-value-itself"


def test_what_neither_key_opens_is_named_and_left_as_it_is(
    shop: Workspace, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    change(settings, keeps_old=False)
    before = bytes(Secret.objects.get().sealed)
    code, output = rotated(capsys)
    assert code == 4 and f"1 that neither key opens, to be set again: {Secret.objects.get().pk}" in output
    assert bytes(Secret.objects.get().sealed) == before


def test_each_purpose_that_something_is_sealed_for_is_rotated() -> None:
    code = [path for app in ("workspaces", "orchestration", "budget") for path in (ROOT / app).rglob("*.py")]
    purposes = {purpose for path in code for purpose in re.findall(r'^PURPOSE = "(.+)"$', path.read_text(), re.M)}
    assert purposes == {purpose for _, _, _, purpose in key_rotation.PLACES} | {"refresh token"}
