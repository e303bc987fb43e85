"""Sentences about a remote that could not be used, and the bounds of a worker's token; without a server."""

import base64

import pytest

from orchestration.repositories import problems, remote, serving, worker_tokens
from orchestration.repositories.remote import Remote
from workspaces.secrets import masking

WS = "ws_00000000000000000001"


@pytest.mark.parametrize(
    ("errors", "advice"),
    [
        ("git fetch took longer than 20 s", "did not answer in time"),
        ("Host key verification failed.", "Accept the server's key"),
        ("fatal: Authentication failed for x", "Give this host a key or a password"),
        ("fatal: could not read Username for x", "Give this host a key or a password"),
        ("The requested URL returned error: 403", "Give this host a key or a password"),
        ("fatal: unable to access: Could not resolve host: x", "Look at the network"),
        ("ssh: connect to host x port 22: Connection refused", "Look at the network"),
        ("remote: Repository not found.", "Look at the address"),
        ("! [remote rejected] main (pre-receive hook declined)", "Allow this host's account to push there"),
        ("! [remote rejected] x (unpacker error)", "could not store what was pushed"),
        ("something else", ""),
    ],
)
def test_each_cause_has_its_advice(errors: str, advice: str) -> None:
    assert advice in problems.advice(errors) if advice else problems.advice(errors) == ""


def test_the_summary_is_one_line_without_the_hints_of_git() -> None:
    errors = (
        "fatal: no\n\nhint: try\nPlease make sure you have the correct access rights\nand the repository exists.\n  again  \n"
    )
    assert problems.summary(errors) == "fatal: no again"


def test_where_musters_own_server_denies_access_the_remedy_is_its_own() -> None:
    host = Remote(None, "http://muster.example/git/x", remedy="Give all hosts the same key")  # type: ignore[arg-type]
    assert "Give all hosts the same key. It is tried again" in host._sentence("error: The requested URL returned error: 403")
    assert "Give all hosts" not in host._sentence("fatal: Could not resolve host: muster.example")
    assert host._sentence("odd") == "http://muster.example/git/x could not be used: odd"
    assert "git gave no reason" in host._sentence("")


def test_a_secret_at_the_edge_of_a_long_message_is_masked_as_a_whole() -> None:
    masking.Mask({"TOKEN": "correct-horse-battery-staple"})
    host = Remote(None, "https://git.example/x")  # type: ignore[arg-type]
    sentence = host._sentence("fatal: correct-horse-battery-staple" + "x" * 240)
    assert "staple" not in sentence and sentence.endswith("x" * 240)


def test_a_password_of_an_address_is_sent_as_it_is_and_not_as_the_address_spells_it() -> None:
    def header(url: str) -> str:
        scheme, _, encoded = remote._basic(url).rpartition(" ")
        return f"{scheme} {base64.b64decode(encoded).decode()}".strip()

    assert header("https://a%40b:p%3Aq%2Fr@git.example/x") == "Authorization: Basic a@b:p:q/r"
    assert header("http://:word@git.example/x") == "Authorization: Basic :word"
    for url in ("https://ana@git.example/x", "https://git.example/x", "ssh://ana:word@git.example/x"):
        assert header(url) == ""


def test_many_refs_are_removed_a_hundred_at_a_time() -> None:
    items = [(f"refs/muster/{n}", "1" * 40) for n in range(250)]
    batches = remote._batches(items)
    assert [len(batch) for batch in batches] == [100, 100, 50] and [pair for batch in batches for pair in batch] == items


def test_only_musters_own_refs_become_branches_where_others_are_refused() -> None:
    assert remote.as_branch("refs/muster/entries/entry_1") == "refs/heads/muster/wip/entry_1"
    assert remote.as_branch("refs/heads/muster/integration") == "refs/heads/muster/integration"


@pytest.mark.parametrize(
    ("scope", "refs", "is_covered"),
    [
        ("refs/muster/a", {"refs/muster/a"}, True),
        ("refs/muster/a", {"refs/muster/a", "refs/muster/b"}, False),
        ("refs/muster/a", {"refs/muster/a/b"}, False),
        ("refs/muster/", {"refs/muster/a", "refs/muster/b/c"}, True),
        ("refs/muster/", {"refs/musters/a"}, False),
        ("", {"refs/muster/a"}, False),
        ("", set(), True),
    ],
)
def test_a_token_covers_its_ref_or_all_below_its_folder(scope: str, refs: set[str], is_covered: bool) -> None:
    assert worker_tokens.covers(scope, refs) is is_covered


@pytest.mark.django_db
def test_a_token_is_of_one_workspace_for_five_minutes_and_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    at = [1000.0]
    monkeypatch.setattr(worker_tokens.sql_dialect, "database_time", lambda: at[0])
    shown = worker_tokens.header(WS, "refs/muster/x").partition(": ")[2]
    assert worker_tokens.scope_of(shown, WS) == "refs/muster/x"
    assert worker_tokens.scope_of(shown, "ws_00000000000000000002") is None
    for odd in ("", "Bearer", "Bearer x", shown[:-1], shown.replace("Bearer", "Basic")):
        assert worker_tokens.scope_of(odd, WS) is None
    at[0] += worker_tokens.VALID_S - 1
    assert worker_tokens.scope_of(shown, WS) == "refs/muster/x"
    at[0] += 1
    assert worker_tokens.scope_of(shown, WS) is None


def packet(text: str) -> bytes:
    return f"{len(text) + 4:04x}{text}".encode()


def test_the_refs_of_a_push_are_read_up_to_the_first_flush() -> None:
    first = packet(f"{'0' * 40} {'1' * 40} refs/heads/a\0 report-status\n")
    body = first + packet(f"{'0' * 40} {'1' * 40} refs/heads/b\n")
    assert serving._commands(body + b"0000PACK") == {"refs/heads/a", "refs/heads/b"}
    assert serving._commands(body) is None and serving._commands(b"0000") == set()
