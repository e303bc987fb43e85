"""A page shows a diff up to exact bounds, with its marks, numbers and hidden parts, and reads git's output right."""

from typing import Any

import pytest

from dashboard.diffs import colours, paint, parse, reading, viewing, visible
from dashboard.diffs.paint import Allowance
from dashboard.diffs.parse import Change, Hunk
from dashboard.diffs.reading import Listed


def a_hunk(*lines: str, old: int = 1, new: int = 1, heading: str = "") -> Hunk:
    return Hunk(old, new, heading, [(line[0], line[1:]) for line in lines])


def change(path: str, lines: int = 1, **more: Any) -> Change:
    return Change(
        **{"status": "M", "path": path, "added": lines, "removed": 0, "old_mode": "100644", "new_mode": "100644"} | more
    )


@pytest.fixture
def repo(monkeypatch: pytest.MonkeyPatch) -> list[Change]:
    """The changes between two commits: each has as many added lines as it says."""
    changes: list[Change] = []
    monkeypatch.setattr(reading, "listed", lambda repo, base, commit: Listed(changes, whole=True))

    def patches(repo: str, base: str, commit: str, chosen: list[Change]) -> list[list[list[str]]]:
        return [[[f"@@ -0,0 +1,{each.lines} @@", *["+x"] * each.lines]] for each in chosen]

    monkeypatch.setattr(reading, "patches", patches)
    return changes


def shown(**more: Any) -> list[tuple[str, bool, bool, bool]]:
    """Path, whether its text is there, whether it is open, and whether it has a page of its own."""
    return [
        (file.path, file.painted is not None, file.is_open, file.by_itself) for file in viewing.view("", "b", "c", **more).files
    ]


def test_large_files_are_folded_and_larger_ones_have_a_page_of_their_own(repo: list[Change]) -> None:
    repo += [
        change("a", 400), change("b", 401), change("c", 1000), change("d", 1001), change("go.sum", 400), change("x/go.sum", 401),
        change("x.svg", 1), change("e", 0, status="R", old_path="f"), change("g", 0, status="A"), change("h", added=None),
    ]  # fmt: skip
    assert shown() == [
        ("a", True, True, False), ("b", True, False, False), ("c", True, False, False), ("d", False, False, True),
        ("go.sum", True, False, False), ("x/go.sum", False, False, True), ("x.svg", True, False, False),
        ("e", False, True, False), ("g", False, True, False), ("h", False, True, False),
    ]  # fmt: skip
    view = viewing.view("", "b", "c")
    assert [file.notes for file in view.files[-3:]] == [
        ["Renamed without changes."],
        ["Empty file."],
        ["Binary: no text to show."],
    ]
    assert (view.added, view.removed, view.count, view.unnamed, view.note) == (
        400 + 401 + 1000 + 1001 + 400 + 401 + 1,
        0,
        10,
        0,
        "",
    )
    assert shown(only="d") == [("d", True, True, False)]
    assert viewing.view("", "b", "c", only="z").problem == "This file is not in the diff."


def test_a_page_has_so_many_lines_and_files(repo: list[Change], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewing, "MAX_LINES", 5)
    repo += [change("a", 3), change("b", 3), change("c", 2), change("d", 1)]
    assert [path for path, text, _, _ in shown() if text] == ["a", "c"]
    [file] = viewing.view("", "b", "c", only="a").files
    repo[0] = change("a", 6)
    [file] = viewing.view("", "b", "c", only="a").files
    assert file.notes == ["1 more lines are in the patch."] and not file.by_itself
    monkeypatch.setattr(viewing, "MAX_NAMED", 3)
    view = viewing.view("", "b", "c")
    assert (len(view.files), view.unnamed, view.count, view.added) == (3, 1, 4, 12)
    assert viewing.view("", "b", "c", only="c").unnamed == 0
    monkeypatch.setattr(reading, "listed", lambda repo, base, commit: Listed((repo and []) or [], whole=False))
    assert viewing.view("", "b", "c").note == "Not all files are listed."


@pytest.mark.parametrize(
    ("fields", "notes"),
    [
        ({}, []),
        ({"new_mode": "100755"}, ["Mode 100644 → 100755."]),
        ({"status": "A", "old_mode": "000000"}, []),
        ({"status": "T", "new_mode": "120000"}, ["A symbolic link: the line is its target.", "Mode 100644 → 120000."]),
        ({"status": "D", "old_mode": "160000", "new_mode": "000000"}, ["A submodule: the line is the commit it points to."]),
    ],
)
def test_a_file_has_notes_on_its_kind_and_mode(fields: dict[str, str], notes: list[str]) -> None:
    assert viewing._notes(change("a", **fields)) == notes


def painted(*hunks: Hunk, lines: int = 99, path: str = "a.txt", **more: Any) -> paint.Painted:
    return paint.render(path, hunks, Allowance(lines), **more)


def test_each_line_has_the_numbers_of_its_sides() -> None:
    seen = painted(a_hunk(" a", "-b", "+c", "\\ No newline", old=7, new=9, heading="def f"), a_hunk("+d", old=20, new=22))
    rows = [line.split() for line in seen.numbers.split("\n")]
    assert rows == [[], ["7", "9"], ["8"], ["10"], [], [], ["22"]]
    assert seen.lines.startswith("<b>@@ line 9 · def f\n</b> a\n<del>−b\n</del><ins>+c\n</ins>⚠ No newline\n<b>@@ line 22\n</b>")
    assert painted(a_hunk("-x", old=3, new=0)).lines.startswith("<b>@@ line 3\n")


def test_lines_beyond_the_allowance_are_counted_over_all_hunks() -> None:
    hunks = a_hunk("+a", "+b"), a_hunk("+c", "+d"), a_hunk("+e")
    for lines, cut, last in ((5, 0, "+e"), (4, 1, "+d"), (3, 2, "+c"), (0, 5, "")):
        seen = painted(*hunks, lines=lines)
        assert (seen.cut, seen.lines.replace("</ins>", "").rstrip("\n")[-2:]) == (cut, last)


def test_secrets_are_masked_before_a_line_is_cut_and_in_headings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible, "MAX_LENGTH", 8)
    seen = painted(a_hunk("+12345secret", heading="secret"), mask=lambda text: text.replace("secret", "***"))
    assert "sec" not in seen.lines and "+12345***" in seen.lines and "· ***" in seen.lines
    assert visible.shortened("x" * 8) == "x" * 8 and visible.shortened("x" * 9) == "xxxxxxxx … 1 more characters"


@pytest.mark.parametrize(
    ("old", "new", "marks"),
    [
        ("the first word", "the other word", ((4, 9), (4, 9))),
        ("count_all = 1", "count_any = 1", ((0, 9), (0, 9))),
        ("a = 1", "a = 1  # one", ((5, 5), (5, 12))),
        ("completely", "different x", None),
        ("  x", "  y", None),
    ],
)
def test_the_middle_that_differs_is_marked_at_the_bounds_of_words(old: str, new: str, marks: Any) -> None:
    assert paint._differing(old, new) == marks


def test_pairs_are_marked_where_as_many_lines_come_as_go_until_the_allowance_ends() -> None:
    same, other = ("-the first word", "+the other word"), ("-the first word", "+the other word", "+more")
    assert painted(a_hunk(*same)).lines.count("<mark>") == 2 and painted(a_hunk(*other)).lines.count("<mark>") == 0
    allowance = Allowance(99, marks=3)
    seen = paint.render("a", [a_hunk(*same), a_hunk(*same)], allowance)
    assert seen.lines.count("<mark>") == 2 and allowance.marks == 1
    assert "&lt;<mark>b</mark>&gt;" in painted(a_hunk("-keep this <i>", "+keep this <b>")).lines


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("plain", False),
        ("a\u200bb", True),
        ("a\u202eb", True),
        ("👩\u200d💻", False),
        ("a\u200db", True),
        ("\x1b", False),
        ("ünï", False),
    ],
)
def test_a_file_with_text_that_looks_other_than_it_is_is_marked(text: str, odd: bool) -> None:
    assert painted(a_hunk(f"+{text}")).misleads is odd


def test_what_is_not_seen_becomes_a_sign() -> None:
    assert visible.visible("a\tb\x00\x1b\x7f\r\u202e\udce9é") == "a\tb␀␛␡␍⟨U+202E⟩⟨E9⟩é" and visible.name("a\tb") == "a␉b"


def test_tokens_are_counted_in_units_of_scripts() -> None:
    seen = painted(a_hunk("+x = '😀'  # c"), path="a.py")
    title = len("@@ line 1\n")
    assert seen.tokens == f"{title + 5}s4 2c3"
    assert painted(a_hunk("+x = 'a'"), path="a.unknown").tokens == "" == painted(a_hunk("+" + "x" * 501), path="a.py").tokens


@pytest.mark.parametrize(
    ("path", "known"), [("a.PY", True), ("Makefile", True), ("x/Dockerfile", True), ("a", False), ("py", False)]
)
def test_a_language_is_known_by_its_ending_or_name(path: str, known: bool) -> None:
    assert (colours.lexer_for(path) is not None) is known


def test_highlighting_ends_with_its_patience_and_keeps_to_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    lexer = colours.lexer_for("a.py")
    assert lexer is not None
    lines = ["x = 1", '"""a', 'b"""']
    assert colours.places(lexer, lines, colours.Patience(9)) == [[(4, 1, "d")], [(0, 4, "s")], [(0, 4, "s")]]
    assert colours.places(lexer, lines, colours.Patience(9, until=1.0)) == [[], [], []]
    monkeypatch.setattr(colours, "MAX_CHARS", len("\n".join(lines)) + 1)
    assert colours.places(lexer, lines, colours.Patience(9))[0]
    monkeypatch.setattr(colours, "MAX_CHARS", len("\n".join(lines)))
    assert not colours.places(lexer, lines, colours.Patience(9))[0]


# git's output


def test_the_list_has_status_paths_modes_and_counts() -> None:
    parts = [
        ":100644 100755 aaa bbb M", "a.py", ":100644 100644 aaa bbb R090", "old", "new", ":000000 100644 000 bbb A", "bin",
        "3\t1\ta.py", "2\t0\t", "old", "new", "-\t-\tbin", "",
    ]  # fmt: skip
    raw = "\0".join(parts)
    assert [(c.status, c.path, c.old_path, c.old_mode, c.new_mode, c.added, c.removed, c.lines, c.is_binary) for c in parse.changes(raw)] == [
        ("M", "a.py", "", "100644", "100755", 3, 1, 4, False), ("R", "new", "old", "100644", "100644", 2, 0, 2, False),
        ("A", "bin", "", "000000", "100644", None, None, 0, True)]  # fmt: skip
    assert parse.changes(":broken\0a\0:100644 100644 a b M\0b") == []


def test_a_section_belongs_to_the_change_of_its_header() -> None:
    patch = 'diff --git a/a b/a\n@@ -1 +1,2 @@ f\n-x\n+diff --git a/b b/b\n\n\\ No newline\ndiff --git a/o b/n\nrename\ndiff --git "a/q\\n" "b/q\\n"\n'
    listed = [Change("M", "a"), Change("R", "n", "o"), Change("M", "q\n"), Change("M", "missing")]
    found_of = parse.by_change(listed, patch)
    assert [len(sections) for sections in found_of] == [1, 1, 1, 0]
    [hunk] = parse.hunks(found_of[0][0])
    assert (hunk.old_start, hunk.new_start, hunk.heading) == (1, 1, "f")
    assert hunk.lines == [("-", "x"), ("+", "diff --git a/b b/b"), (" ", ""), ("\\", " No newline")]
    assert reading._without_last([[["a"]], [], [["b"]], []]) == [[["a"]], [], [], []]
