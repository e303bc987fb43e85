"""Tries to log in: each counts by name and address, by name, and by address, and what is over is forgotten."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now

from workspaces.models import FailedLogin
from workspaces.people import throttle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    monkeypatch.setattr(throttle, "MAX_TRIES", 2)
    monkeypatch.setattr(throttle, "MAX_OF_NAME", 3)
    monkeypatch.setattr(throttle, "MAX_OF_ADDRESS", 4)
    pauses: list[float] = []
    monkeypatch.setattr(throttle.time, "sleep", pauses.append)
    yield pauses


def tries(*pairs: tuple[str, str]) -> list[bool]:
    """True for each try that is allowed."""
    return [throttle.count_try(name, address) is None for name, address in pairs]


def age(moment: datetime) -> int:
    return round((now() - moment).total_seconds())


def test_the_last_permitted_try_is_made_and_the_next_waits_until_the_window_of_its_first_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert tries(("ana", "10.0.0.1"), ("ana", "10.0.0.1")) == [True, True]
    FailedLogin.objects.update(since=now() - timedelta(minutes=10))
    wait = throttle.count_try("ana", "10.0.0.1")
    assert wait is not None and 290 < wait <= 300
    moment = now()
    FailedLogin.objects.update(since=moment - throttle.WINDOW + timedelta(milliseconds=500))
    with monkeypatch.context() as frozen:
        frozen.setattr(throttle.timezone, "now", lambda: moment)
        assert throttle.count_try("ana", "10.0.0.1") == 1  # at least a second
    FailedLogin.objects.update(since=now() - throttle.WINDOW - timedelta(seconds=1))
    assert tries(("ana", "10.0.0.1")) == [True]


def test_tries_that_are_not_made_lock_the_name_nowhere_else() -> None:
    assert tries(*[("ana", "10.0.0.1")] * 50) == [True, True] + [False] * 48
    assert tries(("ana", "10.0.0.2")) == [True]


def test_strangers_lock_no_one_out_of_the_browser_in_which_they_logged_in() -> None:
    ana = Client(REMOTE_ADDR="10.0.0.9")
    User.objects.create_user("ana", password="right")
    login = {"username": "ana", "password": "right"}
    assert ana.post("/login/", login).status_code == 302
    tries(*(("ana", f"10.0.0.{n}") for n in range(20)))
    assert Client(REMOTE_ADDR="10.0.0.9").post("/login/", login).status_code == 429
    assert ana.post("/login/", {**login, "username": "bea"}).status_code != 429 and ana.post("/login/", login).status_code == 302
    assert [ana.post("/login/", {**login, "password": "wrong"}).status_code for _ in range(4)] == [200, 200, 429, 429]


@pytest.mark.parametrize("spelled", ["ANA", " ana ", "ａｎａ"])
def test_a_name_is_the_same_however_it_is_spelled(spelled: str) -> None:
    assert tries(("ana", "10.0.0.1"), ("ana", "10.0.0.1"), (spelled, "10.0.0.1"), ("bea", "10.0.0.1")) == [
        True, True, False, True]  # fmt: skip


def test_a_machine_with_a_network_of_ipv6_is_one_address_and_its_neighbour_is_another() -> None:
    first, second, neighbour = "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"
    assert tries(("ana", first), ("ana", second), ("ana", first)) == [True, True, False]
    assert tries(("bea", neighbour)) == [True]
    FailedLogin.objects.all().delete()
    assert tries(("ana", "10.0.0.1"), ("ana", "10.0.0.1"), ("ana", "10.0.0.2")) == [True, True, True]


def test_a_login_takes_itself_from_its_address_and_forgets_the_tries_of_its_name() -> None:
    tries(("ana", "10.0.0.1"), ("ana", "10.0.0.1"), ("bea", "10.0.0.1"), ("ana", "10.0.0.2"))
    throttle.forget("ana", "10.0.0.1")
    assert FailedLogin.objects.get(key=throttle._key_of("10.0.0.1")).tries == 2
    assert FailedLogin.objects.get(key=throttle._key("bea", "10.0.0.1")).tries == 1
    assert tries(("ana", "10.0.0.1"), ("ana", "10.0.0.1")) == [True, True]
    FailedLogin.objects.update(tries=0)
    throttle.forget("ana", "10.0.0.1")
    assert not FailedLogin.objects.exclude(tries=0).exists()


def test_an_address_with_many_tries_is_slowed_from_the_next_on_and_no_one_is_without_an_address(slept: list[float]) -> None:
    assert tries(*((f"name {n}", "10.0.0.1") for n in range(4))) == [True] * 4 and slept == []
    assert tries(("one more", "10.0.0.1"), ("one more", "10.0.0.2")) == [True, True] and slept == [throttle.SLOW_S]
    assert tries(*((f"name {n}", "") for n in range(9))) == [True] * 9 and slept == [throttle.SLOW_S]


def test_whoever_is_slowed_lets_the_next_one_wait_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> None:
        raise InterruptedError

    tries(*((f"name {n}", "10.0.0.1") for n in range(4)))
    monkeypatch.setattr(throttle.time, "sleep", fail)
    for _ in range(throttle.SLOWED_AT_ONCE + 1):
        with pytest.raises(InterruptedError):
            throttle.count_try("ana", "10.0.0.1")
    with throttle._slowed, throttle._slowed:
        assert throttle.count_try("ana", "10.0.0.1") == throttle.SLOW_S


def test_tries_beyond_those_that_are_slowed_hold_no_thread_of_the_web_server() -> None:
    with throttle._slowed, throttle._slowed, ThreadPoolExecutor() as threads:
        assert threads.submit(throttle._is_slow_enough).result(timeout=20) is False


def test_the_tries_of_all_names_are_deleted_once_their_window_is_over() -> None:
    tries(("ana", "10.0.0.1"))
    FailedLogin.objects.update(since=now() - throttle.WINDOW - timedelta(seconds=1))
    tries(("bea", "10.0.0.2"))
    assert sorted(FailedLogin.objects.values_list("key", flat=True)) == sorted(
        [throttle._key("bea", "10.0.0.2"), throttle._key("bea", throttle.EVERYWHERE), throttle._key_of("10.0.0.2")]
    )
    assert all(age(row.since) < 60 for row in FailedLogin.objects.all())


def test_whoever_is_logged_in_already_and_guesses_does_not_reset_the_count(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_user("ana", password="a long one")
    client = Client(REMOTE_ADDR="10.0.0.1")
    client.force_login(User.objects.create_user("eve"))
    form = {"username": "ana", "password": "wrong"}
    answers = [client.post("/login/", form) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    FailedLogin.objects.update(since=now() - timedelta(seconds=100))
    late = client.post("/login/", form)
    assert 790 < int(late["Retry-After"]) <= 800 and "Wait 14 minutes, then try again." in late.content.decode()
    FailedLogin.objects.update(since=now() - throttle.WINDOW + timedelta(seconds=30))
    assert "Wait 1 minute, then try again." in client.post("/login/", form).content.decode()
