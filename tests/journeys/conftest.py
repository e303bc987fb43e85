"""Journeys run a whole Muster as well: the same fixtures as the fault tests."""

from tests.faults.conftest import data, prepared, start

__all__ = ["data", "prepared", "start"]
