"""Two clicks on one login link."""

from copy import copy

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.races.crowd import at_once
from workspaces.people import login_links


@pytest.mark.django_db(transaction=True)
def test_of_two_clicks_at_once_one_logs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have read the person before either logs in."""
    link = login_links.link_for(User.objects.create_user("ana"))
    token = link.removesuffix("/").rpartition("/")[2]
    user = login_links._user_of(token)
    assert user is not None
    monkeypatch.setattr(login_links, "_user_of", lambda token: copy(user))
    answers = at_once([lambda: Client().get(link).status_code for _ in range(4)])
    assert sorted(answers) == [302, 410, 410, 410]


def test_a_link_of_a_person_who_may_no_longer_log_in_is_void(db: None) -> None:
    user = User.objects.create_user("pia")
    link = login_links.link_for(user)
    User.objects.update(is_active=False)
    assert Client().get(link).status_code == 410
    User.objects.update(is_active=True)
    assert Client().get(link).status_code == 302
