"""An agent's answer as text: what is read of it, and the sentence for each way in which it cannot be used."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.proposals.answering import answers
from orchestration.proposals.answering.proposed import Answer
from orchestration.proposals.context.planning_context import Known, PlanningContext, with_folders
from orchestration.proposals.kinds.schema import ProposedEntry

CYCLE_INPUT = PlanningContext(
    with_folders(["README", "src/dates.py"]),
    [
        Known("entry_1", 1, "Fix the door", True, ("src/door.py",), ("src/door.py",)),
        Known("entry_2", 2, "Paint it", False, ("src/paint.py",), ("src/paint.py",)),
    ],
)


def read(answer: Any, planning_context: PlanningContext = CYCLE_INPUT) -> Answer:
    return answers.read(answer if isinstance(answer, str) else json.dumps(answer), planning_context)


def entries_of(answer: Answer) -> list[ProposedEntry]:
    return [ProposedEntry.model_validate(proposed.after) for proposed in answer.proposed]


def an_entry(content: str = "Parse dates", **more: Any) -> dict[str, Any]:
    return {"content": content, **more}


def problem(*entries: Any) -> str:
    """The one problem of an answer with these entries."""
    [sentence] = read({"entries": list(entries)}).problems
    return str(sentence)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"entries": [an_entry()]}),
        "I read it all.\n" + json.dumps({"entries": [an_entry()]}, indent=1) + "\n",
        'First: {"a": 1}\n```json\n' + json.dumps({"entries": [an_entry()]}) + "\n```\nThat is all.",
    ],
    ids=["alone", "after prose", "fenced"],
)
def test_the_object_is_found_in_the_answer(text: str) -> None:
    assert [entry.title for entry in entries_of(read(text))] == ["Parse dates"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("", "There is no answer: end with one JSON object that has the key `entries`"),
        ("I would split it in two.", "The answer has no JSON object with the key `entries`: end with one"),
        ('{"entries": [{"content": "Parse', "The JSON of the answer cannot be read: Unterminated string"),
        ('{"entries": [{"content": NaN}]}', "The JSON of the answer cannot be read: NaN is not a number that JSON has"),
        ('{"entries": [], "entries": []}', "The JSON of the answer cannot be read: the key 'entries' is there twice"),
        ('{"entries": ' + "[" * 100_000, "The JSON of the answer cannot be read: "),
        ({"entries": []}, "`entries` must be a list with at least one entry"),
        ({"entries": {"1": an_entry()}}, "`entries` must be a list with at least one entry"),
        ({"entries": [an_entry()], "max_project_spend_usd": 900}, "has the key `entries` alone, not `max_project_spend_usd`"),
        ({"entries": [an_entry()] * 10_000}, "The answer has 10,000 entries: 200 is the most. Propose the first steps"),
    ],
)
def test_what_is_no_plan_has_a_sentence(answer: Any, sentence: str) -> None:
    result = read(answer)
    assert sentence in result.problems[0]
    assert not result.proposed


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("Parse dates", "Entry 1: it should be a valid dictionary"),
        ({}, "Entry 1: `content` is missing"),
        (an_entry(" "), "Entry 1: `content` may not be empty"),
        (an_entry(budget_usd=5), "Entry 1: take out `budget_usd`: an agent sets no amounts"),
        (an_entry(budget_rounds=5), "Entry 1: take out `budget_rounds`: an agent sets no amounts"),
        (an_entry(status="done"), "Entry 1: take out `status`: entries have no such property"),
        (an_entry(priority="urgent"), "Entry 1: `priority` should be"),
        (an_entry(depends_on=["entry_9"]), "Entry 1 depends on `entry_9`, which is no ref of this answer"),
        (an_entry(ref="a", depends_on=["a"]), "These entries wait for each other: a → a"),
        (an_entry(spec={"files_to_modify": ["../other"]}), "Entry 1: `../other` cannot be used: a path may not contain '..'"),
        (an_entry(spec={"files_to_create": ["/etc/passwd"]}), "Entry 1: `/etc/passwd` cannot be used: a path must be relative"),
        (an_entry(spec={"files_to_create": [".git/hooks/x"]}), "a path may not lie in .git"),
        (an_entry(spec={"test_files": {"tests/.GIT/x": "text"}}), "a path may not lie in .git"),
        (an_entry(spec={"files_to_modify": ["src/no.py"]}), "Entry 1: `src/no.py` does not exist: name files that do, or put it"),
        (an_entry(spec={"files_to_modify": ["src/paint.py"]}), "Entry 1: `src/paint.py` does not exist"),  # its entry is done
        (an_entry(depends_on=["#9"]), "Entry 1 depends on `#9`, which is no ref of this answer and no entry of the backlog"),
    ],
)
def test_an_entry_that_cannot_be_used_has_a_sentence(entry: Any, sentence: str) -> None:
    assert sentence in problem(entry)


@pytest.mark.parametrize("path", ["README", "./src/dates.py", "src", "src/", "src/door.py", "new/"])
def test_a_file_exists_or_an_entry_creates_it(path: str) -> None:
    maker = an_entry("Make it", spec={"files_to_create": ["new/", "./src//other.py"]})
    assert not read({"entries": [maker, an_entry(spec={"files_to_modify": [path]})]}).problems


def test_a_cycle_is_named() -> None:
    cycle = [an_entry(ref="a", depends_on=["b"]), an_entry(ref="b", depends_on=["a"])]
    assert problem(*cycle).startswith("These entries wait for each other: ")


def test_a_ref_is_used_once() -> None:
    assert problem(an_entry(ref="a"), an_entry("Else", ref="a")) == "The ref `a` is used twice: each entry has its own"


def test_the_backlog_is_named_by_number_or_id() -> None:
    [entry] = entries_of(read({"entries": [an_entry(depends_on=["#1", "entry_2"])]}))
    assert entry.depends_on == ["entry_1", "entry_2"]


def test_the_same_as_an_open_entry_is_marked() -> None:
    twin = an_entry("Fix: the DOOR!", spec={"files_to_modify": ["src/door.py"]})
    again = an_entry("Paint it", spec={"files_to_create": ["src/paint.py"]})  # that one is done
    assert [proposed.note for proposed in read({"entries": [twin, again, again]}).proposed] == [
        "It has the title and the files of #1 on the backlog",
        "",
        "It has the title and the files of entry 2 of this answer",
    ]


def test_at_most_twenty_problems_go_back() -> None:
    problems = read({"entries": [{}] * 30}).problems
    assert (len(problems), problems[-1]) == (21, "And 10 more problems")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(["content", "spec"]), inner, max_size=4)
    ),
)
titles = st.sampled_from(["Parse", "Print", "Store"])
refs = st.sampled_from(["a", "b", "c", "#1", "entry_2", "nothing"])
paths = st.sampled_from(["README", "src/dates.py", "new.py", "src/", "../x", "a//b", ".git", "/x", ""])
good_entries = st.fixed_dictionaries(
    {"content": titles},
    optional={
        "ref": refs,
        "depends_on": st.lists(refs, max_size=3),
        "spec": st.fixed_dictionaries({}, optional={"files_to_modify": st.lists(paths), "files_to_create": st.lists(paths)}),
    },
)


@given(st.text() | st.fixed_dictionaries({"entries": st.lists(json_values | good_entries, max_size=4)}).map(json.dumps))
def test_any_text_has_entries_or_problems_and_never_both(text: str) -> None:
    answer = answers.read(text, CYCLE_INPUT)
    assert bool(answer.proposed) != bool(answer.problems)


@given(st.lists(good_entries, min_size=1, max_size=6))
def test_what_is_accepted_can_be_added(entries: list[Any]) -> None:
    answer = read({"entries": entries})
    order: list[str] = []
    for entry in entries_of(answer):
        assert all(path in {"README", "src/dates.py", "src/", "new.py", "a//b"} for path in entry.modified + entry.created)
        order += [entry.ref or ""]
    known = {"entry_1", "entry_2", *order}
    assert all(set(entry.depends_on) <= known for entry in entries_of(answer))


ESTIMATE = {"chance_1": 0.5, "chance_2": 0.75, "chance_3": 1, "round_usd": 0.4}


def test_an_estimate_is_kept_apart_from_the_entry() -> None:
    [proposed] = read({"entries": [an_entry(estimate=ESTIMATE)]}).proposed
    assert (proposed.after, proposed.estimate) == ({"content": "Parse dates"}, {"chances": [0.5, 0.75, 1.0], "round": 400_000})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"chance_1": 0.9}, "chance_1, chance_2 and chance_3 never fall"),
        ({"chance_3": 1.1}, "`estimate.chance_3` should be less than or equal to 1"),
        ({"round_usd": -1}, "`estimate.round_usd` must be 0 or more"),
        ({"budget_usd": 1}, "take out `estimate.budget_usd`"),
    ],
)
def test_an_estimate_that_cannot_be_one_is_a_problem(change: Any, sentence: str) -> None:
    assert sentence in problem(an_entry(estimate={**ESTIMATE, **change}))


@pytest.mark.parametrize("name", [".gitattributes", "tests/.gitattributes", ".gitmodules", "tests/.gitignore"])
def test_what_git_itself_reads_is_no_test_file(name: str) -> None:
    assert "is no test file: git itself reads it" in problem(an_entry(spec={"test_files": {name: "* filter=x"}}))


@pytest.mark.parametrize("key", ["files_to_create", "files_to_modify"])
@pytest.mark.parametrize("name", ["src/d\u0430tes.py", "src/dates.py ", "src/\u202edates.py"])
def test_a_path_that_deceives_a_reader_is_refused(key: str, name: str) -> None:
    assert "cannot be used: " in read({"entries": [an_entry(spec={key: [name]})]}).problems[0]


def test_a_file_that_is_there_already_may_have_any_name() -> None:
    planning_context = PlanningContext(with_folders(["src/d\u0430tes.py"]), [])
    assert not read({"entries": [an_entry(spec={"files_to_modify": ["src/d\u0430tes.py"]})]}, planning_context).problems
