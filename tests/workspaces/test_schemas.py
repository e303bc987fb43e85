"""Types of the API: text that can be stored, numbers that can be counted, JSON that ends, and the name of what is wrong. Pure."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from workspaces import schemas


class Sample(schemas.Strict):
    text: schemas.Text = ""
    words: schemas.NonBlank = "x"
    number: schemas.Float = 0.0
    free: schemas.Json = None
    fields: schemas.Object = {}
    either: list[schemas.Line] | schemas.Line = ""


def value(**given: Any) -> Any:
    [name] = given
    return getattr(Sample.model_validate(given), name)


def refused(**given: Any) -> str:
    with pytest.raises(ValidationError) as why:
        Sample.model_validate(given)
    return str(why.value.errors()[0]["msg"])


@pytest.mark.parametrize("odd", ["a\x00b", "\ud800", "a\udbff", "\udc00", "\udfff"])
def test_text_that_a_database_cannot_hold_is_refused_wherever_it_is(odd: str) -> None:
    for given in (
        {"text": odd},
        {"words": odd},
        {"free": odd},
        {"free": {odd: 1}},
        {"free": [[odd]]},
        {"fields": {"a": {odd: 1}}},
    ):
        assert refused(**given)
    for read in (schemas.clean, schemas._plain, lambda text: schemas._plain({text: 1}), lambda text: schemas._plain([[text]])):
        with pytest.raises(ValueError, match="may not contain NUL or lone surrogates"):
            read(odd)


def test_equal_text_is_equal_and_all_other_text_stays() -> None:
    assert value(text="e\u0301") == "\u00e9" == value(free="e\u0301") and value(free={"e\u0301": []}) == {"\u00e9": []}
    assert value(text="\ud7ff\ue000 \U0001f600\n") == "\ud7ff\ue000 \U0001f600\n"
    assert "may not be empty" in refused(words=" \n") and value(text=" ") == " "


def test_json_has_one_kind_of_number_and_true_is_none() -> None:
    for given, number in ((1, 1.0), (Decimal("0.5"), 0.5), (1.5, 1.5)):
        assert value(number=given) == number and type(value(number=given)) is float
    for odd in (True, "1", 10**400, float("inf"), float("nan"), Decimal("1e999")):
        assert refused(number=odd)


def nested(depth: int, *, objects: bool) -> Any:
    """A value inside of so many others."""
    content: Any = 1
    for _ in range(depth):
        content = {"a": content} if objects else [content]
    return content


@pytest.mark.parametrize("objects", [True, False])
def test_free_json_is_thirty_deep_at_most(objects: bool) -> None:
    assert value(free=nested(30, objects=objects)) == nested(30, objects=objects)
    assert "is nested more than 30 deep" in refused(free=nested(31, objects=objects))


def test_numbers_of_free_json_are_finite_floats() -> None:
    assert value(free=[Decimal("0.1"), 3, True, None, "x"]) == [0.1, 3, True, None, "x"]
    assert type(value(free=Decimal(2))) is float
    for odd in (Decimal("1e999"), [{"a": Decimal("-1e999")}]):
        assert "may not contain infinite numbers" in refused(free=odd)


@pytest.mark.parametrize(
    ("loc", "unknown", "name"),
    [
        (("spec", "files", 3), False, "spec.files.3"),
        (("either", "list[constrained-str]", 0), False, "either.0"),
        (("either", "function-after[clean(), str]"), False, "either"),
        (("int", "nullable[str]"), False, ""),
        (("agent", "list"), True, "agent.list"),
        (("int",), True, "int"),
        (("str", "x"), True, "x"),
        (("interest", "integer"), False, "interest.integer"),
        ((), False, ""),
    ],
)
def test_a_problem_is_named_by_its_property_without_the_tags_of_a_union(
    loc: tuple[str | int, ...], unknown: bool, name: str
) -> None:
    assert schemas.property_path(loc, unknown=unknown) == name


def test_an_operation_answers_409_only_where_another_may_be_first() -> None:
    class Ok(BaseModel):
        pass

    usual = {400: schemas.BadInput, 401: schemas.Named, 403: schemas.Named, 404: schemas.Named, 503: schemas.Named}
    assert schemas.responses(Ok) == {200: Ok} | usual
    assert schemas.responses(Ok, status=201, conflict=True) == {201: Ok, 409: schemas.Named} | usual
