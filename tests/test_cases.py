"""A loop over cases fails once, by the names of all that fail, and leaves nothing behind."""

import pytest

from tests.cases import all_cases
from tests.factories import a_workspace
from workspaces.models import Workspace


def test_every_case_is_tried_and_each_that_fails_is_named() -> None:
    tried = []
    with pytest.raises(BaseExceptionGroup, match=r"2 of 3 cases failed: one, three"), all_cases() as case:
        for name in ("one", "two", "three"):
            with case(name):
                tried.append(name)
                assert name == "two"
    assert tried == ["one", "two", "three"]


def test_a_case_that_does_not_raise_fails_too() -> None:
    with pytest.raises(BaseExceptionGroup) as failed, all_cases() as case, case("quiet"), pytest.raises(ValueError):
        pass
    assert failed.value.exceptions[0].__notes__ == ["in the case quiet"]


def test_a_loop_without_a_case_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="there was no case"), all_cases():
        pass


@pytest.mark.django_db
def test_what_a_case_wrote_is_rolled_back() -> None:
    with all_cases(undo=True) as case:
        for name in ("one", "two"):
            with case(name):
                a_workspace()
                assert Workspace.objects.count() == 1
    assert not Workspace.objects.exists()
