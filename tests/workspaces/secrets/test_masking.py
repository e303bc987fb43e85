"""Secrets in text that others made: found in each form that a program prints, and nothing else is blacked out. Pure."""

import base64
import html
import json
import re
import shlex
import threading
from urllib.parse import quote, quote_plus

import pytest

from workspaces.secrets import masking
from workspaces.secrets.masking import Mask

SECRET = "p/s+w o&r'd\"-\\é=1234"
LONG = "abcdefgh-0123456789-ijklmnop"


@pytest.fixture(autouse=True)
def _the_server_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "server", Mask({}))


def test_a_mask_hides_the_longest_value_first_and_secret_looking_env_too() -> None:
    mask = Mask({"A": "secret-one", "B": "secret-one-and-more"}, {"MY_TOKEN": "tok-123456", "LANG": "C.UTF-8"})
    assert mask("secret-one-and-more secret-one tok-123456 C.UTF-8") == "[secret B] [secret A] [secret MY_TOKEN] C.UTF-8"


def test_a_secret_counts_by_its_own_name_before_that_of_a_variable_with_the_same_value() -> None:
    assert Mask({"A": "the-same-value"}, {"API_TOKEN": "the-same-value"})("the-same-value") == "[secret A]"
    assert Mask({"TOKEN": "set-by-a-person"}, {"TOKEN": "of-the-environment"})("of-the-environment") == "of-the-environment"


def test_the_secrets_that_a_text_contains_are_named_once_and_in_order() -> None:
    mask = Mask({"Z": "secret-of-z", "A": "secret-of-a", "B": "secret-of-b"})
    assert mask.names_in("secret-of-z secret-of-a secret-of-z") == ["A", "Z"]
    assert mask.names_in("nothing") == [] == Mask({}).names_in("nothing")


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        re.sub("%..", lambda escape: escape.group().lower(), quote(SECRET)),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        html.escape(SECRET),
        repr(SECRET)[1:-1],
        shlex.quote(SECRET).strip("'"),
    ],
)
def test_it_is_found_as_it_is_and_as_urls_json_html_and_a_shell_have_it(form: str) -> None:
    mask = Mask({"A": SECRET})
    assert mask(f"<{form}>") == "<[secret A]>"
    assert mask.names_in(form) == ["A"]


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("user", ["", "u", "us", "use", "user:"])
def test_it_is_found_in_base64_after_a_name_of_any_length(encode, user: str) -> None:  # type: ignore[no-untyped-def]
    secret = "\u00bf?>\u00ff~~known-secret\u00fb\u00ff"
    coded = encode(f"{user}{secret}".encode()).decode()
    begin, end = -(-len(user) * 8 // 6), len(f"{user}{secret}".encode()) * 8 // 6
    assert Mask({"A": secret})(f"Basic {coded}") == f"Basic {coded[:begin]}[secret A]{coded[end:]}"


def test_values_of_five_characters_are_no_secrets_and_those_of_six_are() -> None:
    assert Mask({"A": "abcde"})("abcde") == "abcde"
    assert Mask({"A": "abcdef"})("abcdef") == "[secret A]"
    assert Mask({"A": "abcdef"})(base64.b64encode(b"abcdef").decode()) == "[secret A]"
    coded = base64.b64encode(b"uabcdef").decode()  # fewer than eight of its characters are the secret's alone
    assert Mask({"A": "abcdef"})(coded) == coded


def test_a_key_file_is_masked_line_by_line_and_found_in_a_diff() -> None:
    body = ["MIIEvQIBADANBgkqhkiG9w0B", "bKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"]
    mask = Mask({"PEM": "\n".join(["-----BEGIN PRIVATE KEY-----", *body, "-----END PRIVATE KEY-----", ""])})
    assert mask(f"  {body[0]}") == "  [secret PEM]"
    assert mask.names_in(f"+{body[1]}") == ["PEM"]
    assert mask.names_in("+-----BEGIN PRIVATE KEY-----") == []


def test_words_of_a_value_of_one_line_are_no_secrets_by_themselves() -> None:
    for end in ("", "\n"):
        mask = Mask({"A": f"a-word-of-more-than-twenty-four and another{end}"})
        assert mask("<a-word-of-more-than-twenty-four>") == "<a-word-of-more-than-twenty-four>"


def test_a_secret_that_ends_with_a_line_break_is_masked_without_it_too() -> None:
    assert Mask({"A": "sk-very-secret\n"})("uses sk-very-secret here") == "uses [secret A] here"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"it is {LONG[:8]}", "it is [secret A]"),
        (f"it is {LONG[:-1]}", "it is [secret A]"),
        (f"it is {LONG[:7]}", f"it is {LONG[:7]}"),
        (f"it is {LONG[:8]}, or not", f"it is {LONG[:8]}, or not"),
        (f"{LONG[-8:]} it was", "[secret A] it was"),
        (f"{LONG[1:]} it was", "[secret A] it was"),
        (f"{LONG[-7:]} it was", f"{LONG[-7:]} it was"),
        (f"perhaps {LONG[-8:]} it was", f"perhaps {LONG[-8:]} it was"),
        (LONG[:12], "[secret A]"),
        (LONG[-12:], "[secret A]"),
        (f"{LONG} and {LONG[:12]}", "[secret A] and [secret A]"),
        (f"{LONG[:8]} or also {LONG[:11]}", f"{LONG[:8]} or also [secret A]"),
        (f"{LONG[-11:]} and also {LONG[-8:]}", f"[secret A] and also {LONG[-8:]}"),
    ],
)
def test_eight_characters_of_a_secret_at_an_edge_of_a_text_that_was_cut_are_masked(text: str, masked: str) -> None:
    assert Mask({"SHORT": "a-short-one", "A": LONG})(text) == masked


def test_each_edge_of_a_text_may_have_another_secret_and_as_much_of_it_as_there_is() -> None:
    mask = Mask({"A": LONG, "B": "zyxwvuts-9876543210-qponmlkj"})
    assert mask(f"qponmlkj was it and is {LONG[:12]}") == "[secret B] was it and is [secret A]"
    assert mask(f"{LONG[-9:]} was it and is zyxwvuts-9") == "[secret A] was it and is [secret B]"
    repeated = Mask({"R": "a-long-secret-12345678-12345678"})
    assert repeated("12345678-12345678 it was") == "[secret R] it was"
    assert repeated("it is a-long-s") == "it is [secret R]" and repeated("it is a-long-secret-12345678-1") == "it is [secret R]"


def test_a_part_of_a_secret_shorter_than_sixteen_characters_is_no_secret() -> None:
    assert Mask({"A": "abcdefgh-012345"})("it is abcdefgh") == "it is abcdefgh"
    assert Mask({"A": "abcdefgh-0123456"})("it is abcdefgh") == "it is [secret A]"


def test_what_a_mask_learns_is_masked_with_what_it_knew() -> None:
    mask = Mask({"A": "secret-one-of-the-first-day"})
    mask.learn({"B": "secret-two"})
    assert mask("secret-one-of-the-first-day secret-two") == "[secret A] [secret B]"
    assert mask("it is secret-one-of") == "it is [secret A]"


def test_foreign_text_is_about_the_secrets_of_every_block_that_it_is_in() -> None:
    first, second, third = (Mask({name: f"secret-of-{name}"}) for name in "ABC")
    text = "secret-of-A secret-of-B secret-of-C"
    with masking.hiding(first, second):
        assert masking.foreign(text) == "[secret A] [secret B] secret-of-C"
        with masking.hiding():
            assert masking.hide(third) is third
            assert masking.foreign(text) == "[secret A] [secret B] [secret C]"
        assert masking.foreign(text) == "[secret A] [secret B] secret-of-C"
    assert masking.foreign(text) == "[secret] [secret] [secret]"


def test_a_block_ends_for_what_follows_also_by_an_error() -> None:
    def fail() -> None:
        with masking.hiding(Mask({"A": "secret-of-A"})):
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert masking.foreign("secret-of-A") == "[secret]"


def test_a_block_hides_nothing_in_another_thread() -> None:
    texts: list[str] = []
    with masking.hiding(Mask({"A": "secret-of-A"})):
        thread = threading.Thread(target=lambda: texts.append(masking.foreign("secret-of-A")))
        thread.start()
        thread.join()
    assert texts == ["[secret]"]


def test_the_servers_own_secrets_are_masked_in_every_block() -> None:
    masking.server.learn({"of the server": "key-of-the-server"})
    with masking.hiding(Mask({"A": "secret-of-A"})):
        assert masking.foreign("key-of-the-server") == "[secret of the server]"
    assert masking.foreign("key-of-the-server") == "[secret of the server]"


def test_foreign_text_is_cut_to_its_limit_if_it_has_one() -> None:
    assert masking.foreign("a long answer", 6) == "a long"
    assert masking.foreign("a long answer") == "a long answer"


def test_musters_own_tokens_are_known_by_their_form() -> None:
    token = "muster_" + "aB3_-" * 6
    for mask in (masking.foreign, masking.without_known):
        assert mask(f"<{token}>") == "<[secret token]>"
        assert mask(token[:-1]) == token[:-1]
    with masking.hiding(Mask({"A": "secret-of-A"})):
        assert masking.foreign(token) == "[secret token]"


def test_a_process_knows_the_secrets_that_it_used_last_without_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "MAX_KNOWN", 3)
    for name in "ABC":
        masking._remember({f"secret-of-{name}": name})
    masking._remember({"secret-of-A": "A"})
    masking._remember({"secret-of-D": "D"})
    assert masking.without_known("secret-of-A secret-of-B secret-of-C secret-of-D") == "[secret] secret-of-B [secret] [secret]"
    masking.forget()
    masking._remember({"secret-of-E": "E"})
    assert masking.without_known("secret-of-A secret-of-E") == "secret-of-A [secret]"


def test_outside_of_every_block_the_secrets_that_were_used_are_known_in_all_their_forms() -> None:
    Mask({"A": SECRET}).learn({"B": "another-secret"})
    coded = base64.b64encode(b"user:another-secret").decode()
    for form in (SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], html.escape(SECRET)):
        assert masking.foreign(f"<{form}>") == masking.without_known(f"<{form}>") == "<[secret]>"
    assert "[secret]" in masking.foreign(f"Basic {coded}") and coded[8:-4] not in masking.foreign(f"Basic {coded}")


def test_every_text_in_a_value_is_masked_and_nothing_else_changes() -> None:
    Mask({"A": "secret-of-A"})
    value = {"secret-of-A": ["secret-of-A", ("x secret-of-A", 1, None)], 2: True, "deep": {"er": {"est": "secret-of-A"}}}
    masked = {"[secret]": ["[secret]", ["x [secret]", 1, None]], 2: True, "deep": {"er": {"est": "[secret]"}}}
    assert masking.in_all(value) == masked
    assert masking.in_all(["a", {"b": "c"}], str.upper) == ["A", {"B": "C"}]


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://ana:p%2Fw@git.example/shop.git", "p/w"),
        ("https://ghp_token@git.example/shop.git", "ghp_token"),
        ("http://ghp%5Ftoken@git.example/shop.git", "ghp_token"),
        ("ssh://git:p%2Fw@git.example/shop.git", "p/w"),
        ("ssh://git@git.example/shop.git", None),
        ("https://git.example/shop.git", None),
        ("git@git.example:shop.git", None),
        ("https://[bad", None),
    ],
)
def test_the_secret_of_an_address_is_its_password_or_its_user_alone(url: str, secret: str | None) -> None:
    assert masking.of_url(url) == ({"password": secret} if secret else {})
    assert masking.of_url(url, "of the remote") == ({"of the remote": secret} if secret else {})
