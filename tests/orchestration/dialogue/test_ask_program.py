"""`muster-ask`: only what is a question is asked."""

import subprocess
from pathlib import Path

import pytest

from orchestration.sessions.folders.session_dir import AGENT_BIN

NOTED = "It was noted"


def ask(folder: Path, *words: str, text: str = "") -> tuple[int, str, list[str]]:
    """Exit code, output, and the questions in the folder; a person's side notes each at once."""
    program = str(AGENT_BIN / "muster-ask")
    observed = f'(while :; do for q in "$0"/*.question; do [ -e "$q" ] && echo {NOTED} >"$q.new" && mv "$q.new" "${{q%.question}}.noted"; done; sleep 0.02; done) & pid=$!; "$@"; code=$?; kill $pid; exit $code'
    done = subprocess.run(
        ["sh", "-c", observed, str(folder), program, *words],
        env={"PATH": "/usr/bin:/bin", "MUSTER_QUESTIONS": str(folder)},
        input=text,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr, [file.read_text() for file in folder.glob("*.question")]


@pytest.mark.parametrize(
    ("words", "code"), [(["--help"], 0), (["-h"], 0), ([], 2), (["--topic", "x"], 2), (["-x"], 2), (["--"], 2), ([" \n"], 2)]
)
def test_what_is_no_question_shows_the_usage_and_asks_nothing(tmp_path: Path, words: list[str], code: int) -> None:
    returned, output, asked = ask(tmp_path, *words)
    assert (returned, asked) == (code, []) and "usage: muster-ask" in output


@pytest.mark.parametrize(
    ("words", "text", "question"),
    [
        (["Which", "one?"], "", "Which one?"),
        (["--", "--strict or --lax?"], "", "--strict or --lax?"),
        (["-"], "From a file\nof two lines?\n", "From a file\nof two lines?"),
        (["Is --help right?"], "", "Is --help right?"),
    ],
)
def test_a_question_is_asked_as_it_is(tmp_path: Path, words: list[str], text: str, question: str) -> None:
    assert ask(tmp_path, *words, text=text) == (0, f"{NOTED}\n", [question])
