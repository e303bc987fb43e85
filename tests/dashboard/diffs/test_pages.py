"""Diffs of real repositories, as pages show them: every kind of file, bounded, masked, and inert whatever an agent wrote."""

import os
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.diffs import colours, paint, parse, reading, viewing
from dashboard.diffs.paint import Allowance
from dashboard.diffs.parse import Hunk
from dashboard.diffs.viewing import Shown, View
from dashboard.diffs.visible import misleads, name, visible
from tests.orchestration.git.repositories import a_repository, git, write
from tests.sampling import examples
from workspaces.secrets.masking import Mask

LINE = st.text(st.characters(exclude_characters="\n"), max_size=200)


class Two:
    """A repository with two commits: what `start` wrote, and what came after."""

    def __init__(self, place: Path, **files: str) -> None:
        self.repo = a_repository(place / "repo", **(files or {"app__py": "one\ntwo\nthree\n"}))
        self.base = git(self.repo, "rev-parse", "HEAD")

    def commit(self) -> str:
        git(self.repo, "add", "-A")
        git(self.repo, "commit", "--quiet", "--allow-empty", "-m", "then")
        return git(self.repo, "rev-parse", "HEAD")

    def view(self, **more: object) -> View:
        return viewing.view(str(self.repo), self.base, self.commit(), **more)  # type: ignore[arg-type]


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def only(view: View) -> Shown:
    [file] = view.files
    return file


def text_of(file: Shown) -> str:
    assert file.painted is not None
    return file.painted.lines


def test_each_line_has_its_numbers_and_a_sign(two: Two) -> None:
    write(two.repo / "app/py", "one\n2\nthree\n")
    file = only(two.view())
    assert "<del>−two\n</del><ins>+2\n</ins>" in text_of(file) and file.painted is not None
    assert [line.split() for line in file.painted.numbers.split("\n")] == [[], ["1", "1"], ["2"], ["2"], ["3", "3"]]
    assert len(file.painted.numbers.split("\n")) == text_of(file).count("\n")


def test_every_kind_of_change_is_named(tmp_path: Path) -> None:
    two = Two(tmp_path, gone="a\n", moved="1\n2\n3\n4\n5\n", link="x\n", script="#!/bin/sh\n", kept="k\n")
    (two.repo / "gone").unlink()
    (two.repo / "moved").rename(two.repo / "there")
    (two.repo / "link").unlink()
    (two.repo / "link").symlink_to("/etc/passwd")
    (two.repo / "script").chmod(0o755)
    (two.repo / "picture").write_bytes(bytes(range(256)))
    write(two.repo / "new", "no end")
    view = two.view()
    assert {file.path: file.word for file in view.files} == {
        "gone": "deleted",
        "there": "renamed",
        "link": "type changed",
        "script": "changed",
        "picture": "new",
        "new": "new",
    }
    notes = {file.path: " ".join(file.notes) for file in view.files}
    assert "symbolic link" in notes["link"] and "100644 → 100755" in notes["script"] and "Binary" in notes["picture"]
    assert "No newline at end of file" in text_of(next(file for file in view.files if file.path == "new"))


def test_a_submodule_is_a_pointer_and_nothing_is_fetched(two: Two) -> None:
    git(two.repo, "update-index", "--add", "--cacheinfo", f"160000,{two.base},lib")
    git(two.repo, "commit", "--quiet", "-m", "sub")
    view = viewing.view(str(two.repo), two.base, git(two.repo, "rev-parse", "HEAD"))
    assert "A submodule" in only(view).notes[0] and "Subproject commit" in text_of(only(view))


@pytest.mark.parametrize("odd", ['we"ird\nname', "-rf", "a b → c", "dïr/naïve", ":(top)x", "\x1b[31mred", "diff --git a/x b/x"])
def test_any_name_is_shown_and_asked_for_again(two: Two, odd: str) -> None:
    write(two.repo / odd, "<b>bold</b>\n")
    file = only(two.view())
    assert "\n" not in file.path and "\x1b" not in file.path
    again = only(two.view(only=file.path))
    assert "+&lt;b&gt;bold" in text_of(again)


def test_a_name_that_is_no_utf8_finds_its_way_back_to_git(two: Two) -> None:
    path = os.path.join(os.fsencode(two.repo), b"caf\xe9")
    with open(path, "wb") as file:
        file.write(b"caf\xe9\r\n")
    shown = only(two.view())
    assert shown.path == "caf⟨E9⟩" and "+caf⟨E9⟩␍" in text_of(shown)
    assert "+caf⟨E9⟩␍" in text_of(only(two.view(only="caf⟨E9⟩")))


def test_text_that_turns_its_direction_is_shown_as_it_is(two: Two) -> None:
    write(two.repo / "access.py", "if level != 'user\u202e \u2066# only admins\u2069 \u2066':\n    \x1b[2Jpass\u200b\n")
    file = only(two.view())
    assert "⟨U+202E⟩" in text_of(file) and "⟨U+200B⟩" in text_of(file) and "␛[2J" in text_of(file)
    assert file.painted is not None and file.painted.misleads
    assert misleads("a\u2066b") and not misleads("👩\u200d💻 ünïcödé")


def test_no_setting_of_the_repository_runs_a_program(two: Two, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    script = write(tmp_path / "evil", f"#!/bin/sh\ntouch {trap}\n")
    script.chmod(0o755)
    for key in ("diff.external", "diff.x.command", "diff.x.textconv", "core.fsmonitor", "core.pager", "core.sshCommand"):
        git(two.repo, "config", key, str(script))
    write(two.repo / ".git/info/attributes", "* diff=x filter=x\n")
    write(two.repo / "app/py", "other\n")
    write(two.repo / ".gitattributes", "* diff=x\n")
    git(two.repo, "config", "filter.x.clean", "cat")
    commit = two.commit()
    trap.unlink(missing_ok=True)  # what made the commit may have run it: that was the test's own git
    view = viewing.view(str(two.repo), two.base, commit)
    assert "+other" in text_of(next(file for file in view.files if file.path == "app/py"))
    assert "+other" in reading.patch(str(two.repo), two.base, commit)[0]
    assert not trap.exists()


def test_an_object_that_is_missing_is_not_fetched(two: Two, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    write(two.repo / "app/py", "other\n")
    commit = two.commit()
    blob = git(two.repo, "rev-parse", f"{commit}:app/py")
    (two.repo / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for key, value in {
        "remote.evil.url": f"ext::touch {trap}",
        "remote.evil.promisor": "true",
        "extensions.partialClone": "evil",
        "protocol.ext.allow": "always",
        "core.repositoryformatversion": "1",
    }.items():
        git(two.repo, "config", key, value)
    assert "could not compare" in viewing.view(str(two.repo), two.base, commit).problem
    assert not trap.exists()


def test_missing_objects_are_reported(two: Two) -> None:
    commit = two.commit()
    assert "no commit yet" in viewing.view(str(two.repo), two.base, "").problem
    assert "is no longer in the repository" in viewing.view(str(two.repo), two.base, "1" * 40).problem
    assert "no longer exists" in viewing.view("/nowhere", two.base, commit).problem
    assert "is invalid" in viewing.view(str(two.repo), "--output=/tmp/x", commit).problem
    assert "not in the diff" in viewing.view(str(two.repo), two.base, commit, only="x").problem


def test_large_files_are_asked_for_one_by_one(two: Two) -> None:
    write(two.repo / "long", "".join(f"line {n}\n" for n in range(5000)))
    for n in range(8):
        write(two.repo / f"part{n}", "x\n" * 600)
    view = two.view()
    long = view.files[0]
    assert long.painted is None and long.by_itself and not long.is_open
    assert sum(file.painted is not None for file in view.files) == 5  # of 600 lines each, closed
    alone = only(two.view(only="long"))
    assert alone.painted is not None and alone.painted.cut == 2000 and "in the patch" in alone.notes[0]


def test_a_huge_diff_stays_within_its_bounds(two: Two) -> None:
    write(two.repo / "one line", "x" * 6_000_000 + "\n")
    write(two.repo / "many", "y" * 99 + "\n" * 120_000)
    write(two.repo / "small", "z\n")
    view = two.view()
    small = view.files[-1]
    assert view.count == 3 and sum(len(text_of(file)) for file in view.files if file.painted) < 10_000
    assert small.painted is not None or small.by_itself
    alone = only(two.view(only="one line"))
    assert "more characters" in text_of(alone) and len(text_of(alone)) < 3000


def test_generated_files_stand_closed(two: Two) -> None:
    write(two.repo / "package-lock.json", "{}\n")
    write(two.repo / "Cargo.lock", "x\n" * 500)
    small, large = sorted(two.view().files, key=lambda file: file.change.lines)
    assert not small.is_open and small.painted is not None
    assert large.painted is None and large.by_itself


def test_a_secret_is_never_shown(two: Two) -> None:
    write(two.repo / "settings.py", "KEY = 'sk-very-secret-value'\n")
    shown = text_of(only(two.view(mask=Mask({"API_KEY": "sk-very-secret-value"}))))
    assert "very-secret" not in shown and "[secret API_KEY]" in shown


def test_words_that_differ_are_marked_in_pairs_of_lines(two: Two) -> None:
    write(two.repo / "app/py", "one\ntwo\nthree times\n")
    two.base = two.commit()
    write(two.repo / "app/py", "one\ntwo\nthree lines\n")
    assert "−three <mark>times</mark>" in text_of(only(two.view())) and "+three <mark>lines</mark>" in text_of(only(two.view()))


def test_colours_are_places_and_cost_no_element(two: Two) -> None:
    write(two.repo / "app.py", "def go():\n    return '😀' # why\n")
    file = only(two.view())
    assert file.painted is not None
    units = text_of(file).replace("&#x27;", "'").replace("<ins>", "").replace("</ins>", "").replace("<b>", "").replace("</b>", "")
    utf16, at, words = units.encode("utf-16-le"), 0, []
    for token in file.painted.tokens.split():
        gap, letter, length = next((token.split(c)[0], c, token.split(c)[1]) for c in "kscdn" if c in token)
        start = at + int(gap)
        at = start + int(length)
        words.append((letter, utf16[2 * start : 2 * at].decode("utf-16-le")))
    assert ("k", "def") in words and ("n", "go") in words and ("c", "# why") in words and ("s", "'😀'") in words


def test_colours_give_up_when_their_time_is_over() -> None:
    lexer = colours.lexer_for("x.py")
    assert lexer is not None
    over = colours.Patience(seconds=-1)
    assert colours.places(lexer, ["def f(): pass"], over) == [[]]
    assert colours.lexer_for("notes.txt") is None and colours.lexer_for("x.exe") is None


class Tags(HTMLParser):
    """Every tag with its attributes, and nothing else, so that none can be smuggled in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[object] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def inert(html: str) -> str:
    seen = Tags()
    seen.feed(html)
    seen.close()
    assert seen.tags <= {"b", "ins", "del", "mark"} and not seen.attributes
    return seen.text


@settings(max_examples=examples(150))
@given(st.binary(max_size=2000), st.lists(st.tuples(st.sampled_from(" +-\\"), LINE), max_size=30))
def test_whatever_git_prints_the_page_is_inert(noise: bytes, lines: list[tuple[str, str]]) -> None:
    head = b"diff --git a/x.js b/x.js\n@@ -1,9 +1,9 @@ "
    patch = head + noise + b"\n" + "\n".join(f"{sign}{text}" for sign, text in lines).encode("utf-8", "surrogatepass")
    for section in parse.sections(parse.decoded(patch)):
        painted = paint.render("x.js", parse.hunks(section), Allowance(1000))
        text = inert(painted.lines)
        assert not [letter for letter in text if (letter < " " and letter not in "\t\n") or "\u202a" <= letter <= "\u202e"]
        assert painted.numbers.count("\n") + 1 == max(painted.lines.count("\n"), 1)


@settings(max_examples=examples(200))
@given(st.binary(max_size=600))
def test_any_list_of_files_is_read_or_left(noise: bytes) -> None:
    for change in parse.changes(parse.decoded(noise)):
        assert "\n" not in name(change.path)
    for change in parse.changes(":100644 100644 a b M\0x\0" + parse.decoded(noise)):
        assert change.lines >= 0


@settings(max_examples=examples(200))
@given(LINE, LINE)
def test_marks_cut_no_word_and_lose_no_letter(before: str, after: str) -> None:
    hunk = Hunk(1, 1, "", [("-", before), ("+", after)])
    text = inert(paint.render("x", [hunk], Allowance(10)).lines)
    assert text == f"@@ line 1\n−{visible(before)}\n+{visible(after)}\n"
