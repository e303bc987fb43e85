"""From text to a change of the config and back: only what differs changes, and what is hidden is kept. Pure."""

from decimal import Decimal
from typing import Any

import pytest

from dashboard.settings.config_form import reading, writing
from dashboard.settings.config_form.fields import FIELDS, Field
from dashboard.settings.config_form.writing import Unreadable

STORED: dict[str, Any] = {
    "max_workers": 3,
    "round_ceiling_usd": 0.5,
    "agent": {"kind": "codex", "env": {"A_KEY": "secret-a", "B_KEY": "secret-b"}, "settings": {"x": {"y": 1, "z": 2}}},
    "verify": [{"name": "unit", "run": "true"}],
    "push": {"remote": "origin"},
}


def a_field(kind: str) -> Field:
    return Field("x", "X", kind=kind)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("int", 10, "10"),
        ("int", 0, "0"),
        ("usd", Decimal(100), "100"),
        ("usd", 12.5, "12.5"),
        ("float", Decimal("0.050"), "0.05"),
        ("flag", True, "on"),
        ("flag", False, "off"),
        ("text", "a b", "a b"),
        ("command", "make test", "make test"),
        ("command", ["make", "é"], '["make", "é"]'),
        ("lines", ["a", ["b", "c d"], "[e", " f", '"g"', "h\ni"], 'a\n["b", "c d"]\n"[e"\n" f"\n"\\"g\\""\n"h\\ni"'),
        ("json", {"a": {"b": 1}}, '{\n  "a": {\n    "b": 1\n  }\n}'),
    ],
)
def test_a_value_and_its_text_are_each_others(kind: str, value: Any, text: str) -> None:
    assert writing.as_text(a_field(kind), value) == text
    assert writing.read(a_field(kind), text) == value


def test_an_empty_text_is_no_value_and_no_value_an_empty_text() -> None:
    for kind in ("int", "usd", "flag", "lines", "env", "json", "command", "text", "template"):
        assert writing.as_text(a_field(kind), None) == "" and writing.read(a_field(kind), " \r\n ") is None
    assert writing.as_text(a_field("env"), {"A": "secret", "B": "other"}) == "A=…\nB=…"
    assert writing.as_text(a_field("json"), {}) == ""
    assert writing.read(a_field("text"), " a ") == "a" and writing.read(a_field("template"), "\n a\r\n") == "\n a\n"
    assert writing.read(a_field("usd"), "$1.50") == Decimal("1.50")


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("int", "1.5", "Write a whole number"),
        ("int", "9" * 16, "Write a whole number"),
        ("usd", "Infinity", "Write a number"),
        ("usd", "1e21", "Write a number"),
        ("usd", "1e-21", "Write a number"),
        ("usd", "0." + "1" * 30, "Write a number"),
        ("flag", "true", "Choose on or off"),
        ("json", '{"a": NaN}', "NaN is not a number"),
        ("json", '{\n"a": }', "in line 2"),
        ("lines", "a\n[b", "This is not JSON"),
        ("command", "[make", "This is not JSON"),
    ],
)
def test_a_text_that_is_no_value_is_refused(kind: str, text: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        writing.read(a_field(kind), text)


def test_an_env_changes_by_what_is_new_changed_or_gone() -> None:
    before = {"A": "secret-a", "B": "secret-b", "C": "secret-c"}
    assert writing.env("A=…\r\n\n B=new=1\nD=", before) == {"C": None, "B": "new=1", "D": ""}
    assert writing.env("A=…\nB=…\nC=…", before) == {} == writing.env("", {})
    assert writing.env("A=secret-a\nB=…\nC=…", before) == {}
    for text, words in (("A", "has no ="), ("Z=…", "has no value yet")):
        with pytest.raises(Unreadable, match=words):
            writing.env(text, before)


def changed(**form_data: str) -> dict[str, Any]:
    result = reading.read({name.replace("__", "."): value for name, value in form_data.items()}, STORED)
    assert result.problems == {}
    return result.change


def test_only_what_differs_from_the_stored_config_changes() -> None:
    assert changed() == {}
    assert changed(max_workers="3", round_ceiling_usd="0.50", agent__env="A_KEY=…\nB_KEY=…", agent__model="") == {}
    assert changed(max_workers="", round_ceiling_usd="0.75") == {"max_workers": None, "round_ceiling_usd": Decimal("0.75")}
    assert changed(agent__env="A_KEY=…") == {"agent": {"env": {"B_KEY": None}}}
    assert changed(agent__settings='{"x": {"z": 3}}') == {"agent": {"settings": {"x": {"y": None, "z": 3}}}}
    assert changed(agent__settings='{"x": {"y": 1, "z": 2.0}}') == {}


def test_a_part_that_may_be_missing_is_switched_on_and_off_and_left_alone_without_its_switch() -> None:
    assert changed(has__push="off") == {"push": None}
    assert changed(has__push="on", push__remote="origin") == {} == changed(push__remote="upstream")
    assert changed(has__push="on", push__remote="upstream") == {"push": {"remote": "upstream"}}
    assert changed(has__verifier="off") == {}
    assert changed(has__verifier="on", verifier__agent__model="gpt") == {"verifier": {"agent": {"model": "gpt"}}}


def checks(count: str = "2", **form_data: str) -> Any:
    rows = {"verify.count": count} | {f"verify.{name.replace('__', '.')}": value for name, value in form_data.items()}
    return reading.read({name.replace("verify._", "verify."): value for name, value in rows.items()}, STORED)


def test_checks_are_replaced_as_a_whole_and_only_if_one_differs() -> None:
    same = {"_0__name": "unit", "_0__run": "true"}
    assert checks(**same).change == {}
    assert checks(**same | {"_1__name": "lint", "_1__run": '["ruff"]'}).change == {
        "verify": [{"name": "unit", "run": "true"}, {"name": "lint", "run": ["ruff"]}]}  # fmt: skip
    assert checks(**same | {"_0__remove": "on"}).change == {"verify": None}
    assert checks("1", **same | {"_1__name": "lint", "_1__run": "true"}).change == {}
    many = {f"_{n}__{name}": f"c{n}" for n in range(51) for name in ("name", "run")}
    assert len(checks("51", **many).change["verify"]) == 51  # one more than are permitted: refused, and not cut
    wrong = checks(**same | {"_1__name": "lint", "_1__timeout_s": "soon"})
    assert wrong.problems == {"verify.1.timeout_s": "Write a whole number"}
    assert list(checks(**same | {"_1__run": "true"}).problems) == ["verify.1.name"]


def test_the_whole_config_as_json_keeps_what_is_hidden_and_drops_what_is_missing() -> None:
    text = '{"max_workers": 3.0, "agent": {"kind": "codex", "env": {"A_KEY": "…"}, "settings": {"x": {"y": 1}}}}'
    result = reading.read_json(text, STORED)
    assert result.problems == {} and result.change == {
        "round_ceiling_usd": None,
        "verify": None,
        "push": None,
        "agent": {"env": {"A_KEY": "secret-a", "B_KEY": None}, "kind": "codex", "settings": {"x": {"y": 1, "z": None}}},
    }
    assert reading.read_json('{"agent": {"settings": {"x": "…"}}}', STORED).change["agent"]["settings"] == {"x": "…"}
    assert set(reading.read_json("", STORED).change.values()) == {None}
    for odd, words in (
        ("[]", "not a JSON object"),
        ('{"agent": {"env": {"NEW": "…"}}}', "NEW has no value yet"),
        ("{", "not JSON"),
    ):
        refused = reading.read_json(odd, STORED)
        assert words in refused.problems["whole"] and refused.change == {}


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (Decimal("0.50"), 0.5, True),
        (True, 1, False),
        (False, 0, False),
        ("1", 1, False),
        ([1, 2], [1], False),
        ([1], [1.0], True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": None}, {"b": None}, False),
        (None, 0, False),
    ],
)
def test_values_are_the_same_by_what_they_mean(left: Any, right: Any, same: bool) -> None:
    assert reading._same(left, right) is same is reading._same(right, left)


def test_each_problem_is_at_its_field_with_the_first_of_its_messages() -> None:
    problems = reading.problems({}, {"max_workers": 0, "protected": ["a", "/b"], "nonsense": 1, "verify": [{"name": "x"}]})
    assert set(problems) == {"max_workers", "protected", "nonsense", "verify.0.run"} and set(problems) - set(FIELDS) == {
        "nonsense", "verify.0.run"}  # fmt: skip
    assert problems["max_workers"] == "Must be 1 or more" and problems["nonsense"] == "Unknown key"
    assert problems["verify.0.run"] == "Is missing: write one"
