"""task-master's tasks.json: tags, subtasks, dependencies, test strategies."""

import json
from typing import Any

from tests.orchestration.plans.readers.reading import good, messages, needs, read

TASKS: list[dict[str, Any]] = [
    {"id": 1, "title": "Structure", "description": "The core.", "status": "done", "dependencies": [], "priority": "high"},
    {
        "id": 2,
        "title": "Generate files",
        "description": "Files from tasks.",
        "status": "in-progress",
        "dependencies": [1, 3],
        "priority": "high",
        "details": "- templates\n- synchronization",
        "testStrategy": "Generate from sample data.",
        "subtasks": [
            {"id": 1, "title": "Design the template", "status": "pending", "dependencies": [], "acceptanceCriteria": "- All sections\n- Modular"},
            {"id": 2, "title": "Generate", "status": "pending", "dependencies": [1], "testStrategy": "Compare with the template."},
            {"id": 3, "title": "Name files", "status": "done", "dependencies": [1]},
            {"id": 4, "title": "Watch", "status": "pending", "dependencies": ["2.2", 3]},
        ],
    },
    {"id": 3, "title": "Command line", "description": "", "status": "pending", "dependencies": [], "priority": "medium"},
    {"id": 4, "title": "Later", "status": "deferred", "dependencies": []},
    {"id": 5, "title": "Use it", "status": "pending", "dependencies": ["2", 4]},
]  # fmt: skip


def tagged(**tags: Any) -> str:
    return json.dumps({tag: {"tasks": tasks, "metadata": {}} for tag, tasks in tags.items()}, indent=2)


def test_subtasks_are_entries_and_their_task_waits_for_them() -> None:
    assert needs(good(tagged(master=TASKS), "task_master")) == {
        "2.1": ("3",),
        "2.2": ("2.1", "3"),
        "2.4": ("2.2", "3"),
        "2": ("3", "2.1", "2.2", "2.4"),
        "3": (),
        "5": ("2",),
    }


def test_texts_criteria_and_groups_are_read() -> None:
    drafts = good(tagged(master=TASKS), "task_master")
    assert drafts["2"].content == "Generate files\n\nFiles from tasks.\n\n- templates\n- synchronization"
    assert drafts["2"].spec == {"acceptance_criteria": ["Generate from sample data."]} and drafts["2"].priority.name == "HIGH"
    assert drafts["2.1"].spec == {"acceptance_criteria": ["All sections", "Modular"]} and drafts["2.1"].group == "Generate files"


def test_what_is_deferred_is_left_out_and_pointed_out() -> None:
    result = read(tagged(master=TASKS), "task_master")
    assert [doubt.message for doubt in result.doubts] == ["4 is deferred: it is left out, and nothing waits for it"]
    assert "1 Structure is done" in [problem.message for problem in result.plan.skipped]


def test_master_is_imported_and_other_tags_are_listed() -> None:
    result = read(tagged(spike=TASKS[:1], master=TASKS), "task_master")
    assert (
        result.plan.name == "master" and result.plan.skipped[-1].message == "The tag spike is left out: only master is imported"
    )
    assert len(result.drafts) == 6
    assert "2 tags (a, b) and none is master" in messages(tagged(a=TASKS, b=TASKS))[0][1]


def test_the_old_shape_without_tags_is_read() -> None:
    assert "2.1" in good(json.dumps({"meta": {"projectName": "x"}, "tasks": TASKS}), "task_master")


def test_problems_are_sentences() -> None:
    assert messages(tagged(master=[{"id": 1, "title": "A", "dependencies": [9]}]))[0][1].startswith("There is no ref '9'")
    twice = [{"id": 1, "title": "A"}, {"id": 1, "title": "B"}]
    assert "The ref '1' is used twice" in messages(tagged(master=twice))[0][1]
    assert messages('{"meta": {"generatedAt": "x"}, "complexityAnalysis": []}') == [
        (1, "This is a report of task-master: its tasks.json has the tasks")
    ]
