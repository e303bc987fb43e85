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
