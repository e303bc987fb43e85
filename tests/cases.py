"""A matrix as a loop: every case of a test is tried, and the test's failure names each that fails."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
from django.db import transaction

Case = Callable[[str], AbstractContextManager[None]]
FAILURES = (Exception, pytest.fail.Exception)


@contextmanager
def all_cases(*, undo: bool = False) -> Iterator[Case]:
    """`with all_cases() as case:` and in it `with case(name): ...` for each. `undo`: what a case wrote is rolled back after it."""
    failed: list[BaseException] = []
    names: list[str] = []
    count = 0

    @contextmanager
    def case(name: str) -> Iterator[None]:
        nonlocal count
        count += 1
        try:
            with _rolled_back() if undo else ExitStack():
                yield
        except FAILURES as error:
            error.add_note(f"in the case {name}")
            failed.append(error)
            names.append(name)

    yield case
    assert count, "there was no case"
    if failed:
        raise BaseExceptionGroup(f"{len(failed)} of {count} cases failed: {', '.join(names)}", failed)


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
