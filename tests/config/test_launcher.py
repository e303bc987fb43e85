"""`./muster` itself: which requirements a command needs."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def muster(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader = SourceFileLoader("muster_launcher", str(ROOT / "muster"))
    module = module_from_spec(spec_from_loader(loader.name, loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return module


def test_a_command_needs_what_it_runs_on(muster: ModuleType) -> None:
    assert muster.needed("web", []) == muster.needed("install", []) == ["base"]
    assert muster.needed("check", []) == ["dev"] and muster.needed("check", ["--deploy"]) == ["dev", "deploy"]


def test_traces_are_installed_where_they_are_sent_or_asked_for(muster: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert muster.needed("install", ["telemetry"]) == ["telemetry"]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert muster.needed("worker", []) == ["telemetry"]


def test_every_file_of_requirements_is_known(muster: ModuleType) -> None:
    assert muster.CONTENTS.keys() == {path.stem for path in (ROOT / "requirements").glob("*.txt")}
