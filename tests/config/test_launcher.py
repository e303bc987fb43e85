"""`./muster` itself: which requirements a command needs."""

import os
import runpy
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from workspaces.machine.release import NUMBER

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def muster(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "MUSTER_OIDC_ISSUER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader = SourceFileLoader("muster_launcher", str(ROOT / "muster"))
    module = module_from_spec(spec_from_loader(loader.name, loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", str(ROOT / "no-environment"))
    return module


def test_a_command_needs_what_it_runs_on(muster: ModuleType) -> None:
    assert muster.needed("web", []) == muster.needed("install", []) == ["base"]
    assert muster.needed("check", []) == ["dev"] and muster.needed("check", ["--deploy"]) == ["dev", "deploy"]


def test_traces_are_installed_where_they_are_sent_or_asked_for(muster: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert muster.needed("install", ["telemetry"]) == ["telemetry"]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert muster.needed("worker", []) == ["telemetry"]


def test_single_sign_on_is_installed_where_it_is_set_up(muster: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert muster.needed("install", ["sso", "telemetry"]) == ["telemetry", "sso"]
    monkeypatch.setenv("MUSTER_OIDC_ISSUER", "https://login.example.com")
    assert muster.needed("web", []) == ["sso"]


def test_an_extra_that_was_asked_for_once_stays(muster: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert muster.needed("install", ["mcp", "telemetry"]) == ["telemetry", "mcp"]
    monkeypatch.setattr(muster, "VENV", str(tmp_path))
    monkeypatch.setattr(muster, "install_packages", lambda *_: None)
    (tmp_path / "pyvenv.cfg").touch()
    monkeypatch.setattr(muster, "works", lambda python: True)
    for kind in ("telemetry", "mcp", "base"):
        muster.install(kind, None)
    assert muster.needed("web", []) == ["mcp"]
    written = {kind for kind in ("base", "telemetry", "mcp") if Path(muster.stamp(kind)).read_text() == muster.fingerprint(kind)}
    assert written == {"base", "telemetry", "mcp"}


def test_a_folder_that_is_no_environment_is_left_as_it_is(
    muster: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "work").write_text("mine")
    monkeypatch.setattr(muster, "VENV", str(tmp_path))
    monkeypatch.setattr(muster, "PYTHON", str(tmp_path / "bin/python"))
    with pytest.raises(SystemExit, match="is no Python environment"):
        muster.install("base", None)
    assert (tmp_path / "work").read_text() == "mine"


def an_environment(folder: Path, python: str, *, library: str) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / library).mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    (folder / "bin/python").symlink_to(python)


@pytest.mark.parametrize(
    ("python", "library"), [("/nowhere/python3.11", "python3.11"), (sys.executable, "python3.2"), ("", "")], ids=str
)
def test_where_nothing_can_be_written_another_python_removes_nothing(
    muster: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, python: str, library: str
) -> None:
    venv = tmp_path / "venv"
    if python:
        an_environment(venv, python, library=library)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(muster, "VENV", str(venv))
    monkeypatch.setattr(muster, "CLI_VENV", str(venv))
    monkeypatch.setattr(muster, "PYTHON", str(venv / "bin/python"))
    monkeypatch.setattr(muster.os, "access", lambda path, mode: mode != os.W_OK and os.path.exists(path))
    for ensure in (lambda: muster.ensure("base"), muster.ensure_cli):
        with pytest.raises(SystemExit, match=r"cannot be written\. Nothing was changed\. Run \./muster install"):
            ensure()
    assert sorted(tmp_path.rglob("*")) == before


def test_an_environment_whose_python_is_another_version_by_now_is_made_anew(
    muster: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    an_environment(tmp_path, sys.executable, library="python3.2")
    monkeypatch.setattr(muster, "VENV", str(tmp_path))
    for kind, content in (("base", muster.fingerprint("base")),):
        Path(muster.stamp(kind)).write_text(content)
    assert not muster.is_ready("base")


def test_an_empty_name_of_the_environment_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSTER_VENV", "")
    namespace = runpy.run_path(str(ROOT / "muster"))
    assert namespace["VENV"] == str(ROOT / ".venv")


def test_it_prints_the_version(muster: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["muster", "--version"])
    assert muster.main() == 0
    assert capsys.readouterr().out == f"muster {NUMBER}\n"


def test_every_file_of_requirements_is_known(muster: ModuleType) -> None:
    assert muster.CONTENTS.keys() == {path.stem for path in (ROOT / "requirements").glob("*.txt")}


@pytest.fixture
def place(muster: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with an empty environment, whose PATH begins with `bin`. What pip is asked to do stands in `asked`; it settles nothing."""
    for name, value in {"VENV": "venv", "UV": "venv-uv", "PYTHON": "venv/bin/python"}.items():
        monkeypatch.setattr(muster, name, str(tmp_path / value))
    (tmp_path / "venv/lib/python3.11/site-packages").mkdir(parents=True)
    script(
        tmp_path / "pip",
        f'echo "$@" >> {tmp_path}/asked; case "$*" in config*) cat {tmp_path}/settings;; *--target*) exit 1;; esac',
    )
    (tmp_path / "settings").touch()
    monkeypatch.setattr(muster, "find_pip", lambda python: [str(tmp_path / "pip")])
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    for name in [name for name in os.environ if name.startswith("UV_") or name == "SSL_CERT_FILE"]:
        monkeypatch.delenv(name)
    return tmp_path


def script(path: Path, lines: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)


def a_uv(place: Path, lines: str, version: str = "0.13.9") -> None:
    script(place / "bin/uv", f'[ "$1" = --version ] && echo uv {version} && exit\n{lines}')


def install(muster: ModuleType, place: Path) -> str:
    """Returns what pip was asked to install."""
    lock = os.open(place, os.O_RDONLY)
    muster.install_packages(muster.VENV, ["--require-hashes", "-r", "base.txt"], lambda: ["everything"], lock)
    os.close(lock)
    asked = (place / "asked").read_text().splitlines() if (place / "asked").exists() else []
    return " ".join(line for line in asked if line.startswith("install"))


def test_uv_installs_from_the_index_that_pip_would_ask(muster: ModuleType, place: Path) -> None:
    (place / "settings").write_text("global.index-url='https://one/'\ninstall.index-url='https://two/'\n:env:.cert='/ca.pem'\n")
    a_uv(place, f'echo "$UV_INDEX_URL $SSL_CERT_FILE $@" > {place}/done')
    assert install(muster, place) == ""
    done = (place / "done").read_text()
    assert done.startswith("https://two/ /ca.pem pip install") and done.endswith("--require-hashes -r base.txt\n")


def test_a_constraint_of_pip_may_refuse_what_uv_would_install(muster: ModuleType, place: Path) -> None:
    (place / "settings").write_text("global.constraint='/c.txt'")
    a_uv(
        place,
        'case "$*" in *--require-hashes*--constraint*|*--constraint*--require-hashes*) exit 2;; *--dry-run*/c.txt*) exit 1;; esac',
    )
    assert "--require-hashes -r base.txt" in install(muster, place)


@pytest.mark.parametrize(
    ("lines", "version", "sentence"),
    [
        ("echo error: no route; exit 2", "0.13.9", "uv failed (error: no route): pip does it"),
        ("sleep 100 & sleep 100", "0.13.9", "uv was not done after 1 s: pip does it"),
        ("exit 0", "0.1.9", "uv could not be installed: pip does it"),
    ],
)
def test_pip_installs_what_uv_does_not(
    muster: ModuleType,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lines: str,
    version: str,
    sentence: str,
) -> None:
    monkeypatch.setattr(muster, "INSTALLS_S", 1)
    a_uv(place, lines, version)
    assert install(muster, place).endswith("--require-hashes -r base.txt")
    assert sentence in capsys.readouterr().err


def test_pip_does_not_build_on_what_uv_left_half_written(muster: ModuleType, place: Path) -> None:
    a_uv(place, f"mkdir {place}/venv/lib/python3.11/site-packages/django; exit 2")
    assert install(muster, place).endswith(" everything")


def test_a_rule_of_pip_that_uv_does_not_know_is_obeyed(muster: ModuleType, place: Path) -> None:
    (place / "settings").write_text("global.only-binary=':all:'")
    a_uv(place, "exit 0")
    assert install(muster, place).endswith("--require-hashes -r base.txt")


def test_a_failed_installation_shows_what_the_last_installer_printed(
    muster: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(muster, "VENV", str(tmp_path / "venv"))
    monkeypatch.setattr(muster, "install_packages", lambda *_: "pip found no such version")
    with pytest.raises(SystemExit, match=r"run \./muster again"):
        muster.install("base", None)
    assert capsys.readouterr().err.endswith("pip found no such version")


def test_a_pip_that_comes_with_python_needs_no_pip_in_the_environment(muster: ModuleType) -> None:
    for wheel in muster.bundled_pips()[-1:]:  # a Python of Debian may have none
        printed = subprocess.run([sys.executable, f"{wheel}/pip", "--version"], capture_output=True, text=True, check=True).stdout
        assert printed.startswith("pip ") and muster.find_pip("python") == ["python", f"{wheel}/pip"]


def test_without_it_the_first_pip_of_the_system_is_taken(muster: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muster, "bundled_pips", list)
    monkeypatch.setattr(muster, "succeeds", lambda command: command[0] == "pip3")
    assert muster.find_pip("python") == ["pip3", "--python", "python"]


@pytest.mark.parametrize(("keeps", "expected"), [("", "--no-compile"), ("1", "--compile")])
def test_what_is_installed_is_compiled_where_python_may_not_keep_what_it_compiles(
    muster: ModuleType, monkeypatch: pytest.MonkeyPatch, keeps: str, expected: str
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", keeps)
    monkeypatch.setattr(muster.sys, "flags", SimpleNamespace(dont_write_bytecode=0))
    assert muster.pip_options()[-1] == expected


def test_requirements_contain_what_the_launcher_takes_for_installed_with_them(muster: ModuleType) -> None:
    def pins(kind: str) -> set[str]:
        lines = (ROOT / "requirements" / f"{kind}.txt").read_text().splitlines()
        return {line.split(" ")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}

    for kind, contents in muster.CONTENTS.items():
        for contained in contents:
            assert pins(contained) <= pins(kind), (kind, contained, pins(contained) - pins(kind))


def test_the_command_line_is_installed_with_the_rest_and_tried_once_where_that_fails(
    muster: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(muster, "VENV", str(tmp_path))
    monkeypatch.setattr(muster, "CLI_VENV", str(tmp_path / "cli"))
    monkeypatch.setattr(muster, "ensure", lambda kind: None)
    monkeypatch.setattr(muster, "COMMANDS", dict.fromkeys(("install", "web"), lambda words: 0))
    tried: list[str] = []

    def install_packages(*_: object) -> str:
        tried.append("tried")
        return "no route"

    monkeypatch.setattr(muster, "install_packages", install_packages)
    for command, times in (("web", 0), ("install", 1), ("install", 1)):
        monkeypatch.setattr("sys.argv", ["muster", command])
        assert muster.main() == 0 and len(tried) == times
    assert "./muster status tries again" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="The installation failed"):
        muster.ensure_cli()


def test_the_command_line_is_not_installed_again_under_a_process_that_runs_from_it(
    muster: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = [False, True]  # another ./muster installs it while this one waits for the lock
    monkeypatch.setattr(muster, "is_cli_ready", lambda: ready.pop(0))
    monkeypatch.setattr(muster, "install_cli", lambda *_: pytest.fail("installed twice"))
    muster.ensure_cli()
    assert ready == []
