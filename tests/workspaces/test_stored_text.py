"""Text and keys as they are stored: of others without secrets, sealed for one purpose, and ids that can be ids."""

import re
from typing import Any

import pytest
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test import override_settings

from orchestration.models import PullRequest
from tests.factories import a_channel, a_workspace, an_entry
from workspaces import lookup
from workspaces.models import ApiToken, Delivery, Workspace
from workspaces.secrets import sealing
from workspaces.secrets.masking import Mask
from workspaces.secrets.sealing import Sealed
from workspaces.values import foreign_fields, ids

SECRET = "a-secret-of-the-forge"


@pytest.mark.django_db
def test_whichever_statement_writes_a_column_of_foreign_text_no_secret_gets_into_it() -> None:
    Mask({"FORGE": SECRET})
    channel = a_channel(a_workspace())
    Delivery.objects.create(channel=channel, answer=f"1 {SECRET}")
    Delivery.objects.bulk_create([Delivery(channel=channel, answer=f"2 {SECRET}")])
    Delivery.objects.filter(answer__startswith="1").update(answer=f"3 {SECRET}")
    Delivery.objects.create(channel=channel, answer="x" * 490 + SECRET)
    Delivery.objects.filter(answer__startswith="3").update(answer=Concat(F("answer"), Value("!")))
    answers = sorted(Delivery.objects.values_list("answer", flat=True))
    assert answers == ["2 [secret]", "3 [secret]!", "x" * 490 + "[secret]"]


@pytest.mark.django_db
def test_foreign_json_is_masked_in_every_text_and_stays_what_it_is() -> None:
    Mask({"FORGE": SECRET})
    entry = an_entry(a_workspace())
    checks = [{"name": SECRET, SECRET: 1, "deep": [SECRET, None, 2.5, True]}]
    row = PullRequest.objects.create(
        workspace=entry.workspace, entry=entry, branch="b", base="main", head="a" * 40, checks=checks
    )
    row.refresh_from_db()
    assert row.checks == [{"name": "[secret]", "[secret]": 1, "deep": ["[secret]", None, 2.5, True]}]


def test_to_the_database_they_are_plain_columns() -> None:
    for field, plain in ((foreign_fields.ForeignChar(max_length=5), "CharField"), (foreign_fields.ForeignText(), "TextField")):
        assert field.deconstruct()[1] == f"django.db.models.{plain}"
        assert field.get_prep_value(None) is None
    assert foreign_fields.ForeignChar(max_length=5).get_prep_value("123456") == "12345"
    assert foreign_fields.ForeignText().get_prep_value("x" * 1000) == "x" * 1000


def test_what_is_sealed_for_one_purpose_or_by_one_key_is_opened_by_no_other() -> None:
    sealed = sealing.seal("the value", purpose="a")
    assert b"the value" not in sealed and sealing.unseal(memoryview(sealed), purpose="a") == "the value"
    assert sealing.seal("the value", purpose="a") != sealed
    with pytest.raises(Sealed):
        sealing.unseal(sealed, purpose="b")
    with override_settings(SECRET_KEY="of another server"), pytest.raises(Sealed, match="another MUSTER_SECRET_KEY"):
        sealing.unseal(sealed, purpose="a")


@pytest.mark.parametrize(
    ("make", "prefix"),
    [
        (ids.workspace, "ws"),
        (ids.entry, "entry"),
        (ids.session, "sess"),
        (ids.run, "run"),
        (ids.permit, "permit"),
        (ids.channel, "chan"),
        (ids.review, "rev"),
    ],
)
def test_each_id_has_its_prefix_and_twenty_characters_and_none_comes_twice(make: Any, prefix: str) -> None:
    created = {make() for _ in range(100)}
    assert len(created) == 100
    assert all(re.fullmatch(f"{prefix}_[0-9a-z]{{20}}", id_) and ids.is_id(id_) for id_ in created)


def test_a_key_has_one_id() -> None:
    assert ids.entry_for("a") == ids.entry_for("a") != ids.entry_for("b") and ids.is_id(ids.entry_for("a"))


@pytest.mark.parametrize(
    ("text", "can_be"),
    [
        ("ws_" + "a" * 16, True),
        ("ws_" + "a" * 32, True),
        ("ws_" + "a" * 15, False),
        ("ws_" + "a" * 33, False),
        ("_" + "a" * 20, False),
        ("ws-" + "a" * 20, False),
        ("WS_" + "a" * 20, False),
        ("ws_" + "A" * 20, False),
        ("ws_" + "a" * 20 + "\n", False),
        ("ws_" + "a" * 19 + "\0", False),
        ("", False),
    ],
)
def test_an_id_is_known_by_its_form(text: str, can_be: bool) -> None:
    assert ids.is_id(text) is can_be


@pytest.mark.django_db
def test_a_single_row_is_read_as_the_orm_reads_it() -> None:
    workspace = a_workspace()
    row = lookup.find_row(Workspace, "id = %s", workspace.pk)
    plain = Workspace.objects.get(pk=workspace.pk)
    assert row == plain and row is not None
    assert {field.attname: getattr(row, field.attname) for field in Workspace._meta.concrete_fields} == {
        field.attname: getattr(plain, field.attname) for field in Workspace._meta.concrete_fields
    }
    assert lookup.find_row(ApiToken, "digest = %s", "none") is None
