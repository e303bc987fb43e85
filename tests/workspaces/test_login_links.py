"""A login link works once, within the hour, for a person who may log in."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from workspaces.people import login_links

pytestmark = pytest.mark.django_db


def follow(link: str) -> int:
    return Client().get(link).status_code


def test_it_works_once() -> None:
    bea = User.objects.create_user("bea")
    first, second = login_links.link_for(bea), login_links.link_for(bea)
    assert [follow(first), follow(first), follow(second)] == [302, 410, 410]


@pytest.mark.parametrize(("minutes", "status"), [(59, 302), (61, 410)])
def test_it_is_void_after_an_hour(minutes: int, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    link = login_links.link_for(User.objects.create_user("bea"))
    monkeypatch.setattr(login_links.LinkTokens, "_now", lambda _: datetime.now() + timedelta(minutes=minutes))  # noqa: DTZ005  (as Django's)
    assert follow(link) == status


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!changed"}])
def test_it_is_void_once_its_person_may_not_log_in_or_has_another_password(change: dict[str, Any]) -> None:
    bea = User.objects.create_user("bea")
    link = login_links.link_for(bea)
    User.objects.filter(pk=bea.pk).update(**change)
    assert follow(link) == 410


def test_a_link_of_one_person_logs_no_other_in() -> None:
    bea, zoe = User.objects.create_user("bea"), User.objects.create_user("zoe")
    token = login_links.link_for(bea).split("/")[-2].partition(".")[2]
    of_zoe = login_links.link_for(zoe).split("/")[-2].partition(".")[0]
    client = Client()
    assert client.get(f"/login/link/{of_zoe}.{token}/").status_code == 410 and "sessionid" not in client.cookies
    for odd in ("x", "zzzzzzzzzzzzz.x-y", f"{'z' * 12}.{token}", f"!.{token}", f".{token}"):
        assert follow(f"/login/link/{odd}/") in (404, 410), odd


def test_of_two_who_follow_it_at_once_the_second_comes_too_late() -> None:
    bea = User.objects.create_user("bea")
    seen = User.objects.get(pk=bea.pk)
    assert login_links._claim_login(bea) and not login_links._claim_login(seen)
