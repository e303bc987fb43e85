"""The preparation of the database at a start: only one that ended well counts as done."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from config.up.messages import Failed
from config.up.startup import Up

OWNER = json.dumps({"password_set": False})


def prepared(data: Path, output: str, *, code: int = 0, host: str = "127.0.0.1") -> dict[str, Any]:
    """The answer of a preparation that has ended."""
    bootstrap: Any = SimpleNamespace(alive=False, process=SimpleNamespace(returncode=code), last_lines=lambda: ["why"], log=data)
    answer, end = os.pipe()
    os.write(end, output.encode())
    os.close(end)
    up: Any = SimpleNamespace(children=[bootstrap], data=data, host=host)
    return Up._await_bootstrap(up, bootstrap, answer)


def test_the_last_line_is_the_answer_and_the_next_start_is_no_first_one(tmp_path: Path) -> None:
    assert prepared(tmp_path, f"migrating\n{OWNER}\n") == {"password_set": False}
    assert (tmp_path / "bootstrapped").exists()


@pytest.mark.parametrize(("output", "code"), [(OWNER, 1), ("", 0), (OWNER, -9)])
def test_after_a_preparation_that_failed_the_next_start_is_a_first_one_again(tmp_path: Path, output: str, code: int) -> None:
    with pytest.raises(Failed, match="The database could not be prepared"):
        prepared(tmp_path, output, code=code)
    assert not (tmp_path / "bootstrapped").exists()


def test_an_address_that_others_reach_needs_a_person_with_a_password(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"no user has a password yet. Set one first"):
        prepared(tmp_path, OWNER, host="0.0.0.0")
    assert prepared(tmp_path, json.dumps({"password_set": True}), host="0.0.0.0")["password_set"] is True
