"""A setup or verify command that names something that an agent may write is a problem."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestration.configuration import load, writable_judges
from orchestration.configuration.config.fields import Command


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below `sandbox.write`, in a home: with folders, a program without a suffix, and a script."""
    folder = tmp_path / "home/shared"
    for name in ("cache", "cache.d", "tests"):
        (folder / name).mkdir(parents=True)
    for name in ("judge", "judge.sh"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return folder


def problems(
    write: str | list[str], *, setup: list[Command] | None = None, verify: list[Command] | None = None, **more: Any
) -> dict[str, str]:
    checks = [{"name": f"check {n}", "run": run} for n, run in enumerate(verify or [])]
    places = [write] if isinstance(write, str) else write
    return writable_judges.problems(load({"setup": setup or [], "verify": checks, "sandbox": {"write": places, **more}}))


@pytest.mark.parametrize(
    ("name", "in_setup", "in_verify"),
    [
        ("judge", True, True),
        ("judge.sh", True, True),
        ("none.sh", True, True),
        ("cache", False, True),
        ("cache.d", False, True),
        ("none", False, True),
        ("cache/none", False, True),
        ("", False, True),
    ],
)
def test_a_folder_below_write_may_be_a_cache_of_setup_and_never_a_judge(
    place: Path, name: str, in_setup: bool, in_verify: bool
) -> None:
    """One that is not there is taken for a folder where its name has no suffix."""
    path = os.path.normpath(f"{place}/{name}")
    sentence = f"{path} lies below sandbox.write: an agent could rewrite what judges its work. Keep it elsewhere"
    for command in (f"run --with={path}", ["run", path], f"cd / && run '{path}'"):
        assert problems(str(place), setup=[command]) == ({"setup.0": sentence} if in_setup else {})
        assert problems(str(place), verify=[command]) == ({"verify.0.run": sentence} if in_verify else {})


def test_each_command_that_names_one_is_named_with_the_first_path_and_no_other(place: Path, tmp_path: Path) -> None:
    (tmp_path / "home/shared-too").mkdir()
    fine = [f"sh {place}-too/judge.sh", f"sh {place.parent}/judge.sh", "pytest tests/shared", "true"]
    bad = f"sh {place}/judge.sh {place}/judge {place}-too/a.sh"
    assert problems(str(place), setup=fine, verify=list(fine)) == {}
    refused = problems(str(place), setup=[fine[0], bad], verify=["true", bad, *fine, f"{place}/judge"])
    assert list(refused) == ["setup.1", "verify.1.run", "verify.6.run"]
    assert {sentence.split(" lies ")[0] for sentence in refused.values()} == {f"{place}/judge"}


RUNS = ["~/shared/judge.sh", "{home}/other/../shared/judge.sh", "{home}/link/judge.sh", "{home}/out"]
THROUGH = ["~/shared/away", "~/link/away", "~/far", "~/shared/aside/sh", "~/link/aside/sh", "~/two/sh", "~/shared/round"]


@pytest.mark.parametrize("write", ["~/shared", "{home}/shared/", "{home}/link"])
@pytest.mark.parametrize("run", [*RUNS, *THROUGH])
def test_a_path_is_followed_link_by_link_however_it_is_written(place: Path, write: str, run: str) -> None:
    """An agent that may write in a folder may also replace the links in it, wherever they lead."""
    home = place.parent
    links = {
        "link": place,
        "out": place / "judge.sh",
        "shared/away": "/bin/sh",
        "far": "link/away",
        "shared/aside": "/bin",
        "two": "./link/aside",
        "shared/round": "round",
    }
    for name, target in links.items():
        (home / name).symlink_to(target)
    assert list(problems(write.format(home=home), verify=[run.format(home=home)])) == ["verify.0.run"]
    assert problems(write.format(home=home), verify=["/bin/sh -c true", "~/none/judge.sh"]) == {}


def test_a_program_is_looked_up_on_the_path_with_the_interpreter_that_it_names(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/check").write_text(f"#!{place}/judge\n")
    (tmp_path / "bin/check").chmod(0o755)
    assert problems(str(place), verify=["check"], setup=["judge"]) == {}
    monkeypatch.setenv("PATH", f"{place}:{tmp_path}/bin:/usr/bin")
    assert list(problems(str(place), verify=["check", "true"], setup=["judge"])) == ["setup.0", "verify.0.run"]


@pytest.mark.parametrize("sandbox", [{"mode": "none"}, {"write": []}, {"write": ["/nowhere"], "read": ["{place}"]}])
def test_what_no_agent_may_write_or_has_no_sandbox_is_no_problem(place: Path, sandbox: dict[str, Any]) -> None:
    texts = {key: [v.format(place=place) for v in value] if isinstance(value, list) else value for key, value in sandbox.items()}
    config = {"write": [str(place)], **texts}
    assert problems(config.pop("write"), verify=[f"{place}/judge", f"{sys.executable} {place}/judge.sh"], **config) == {}
