"""A plan in the browser: shown before anything is imported, and imported again as a difference."""

import base64
import re
import zlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from orchestration.backlog import content, entries
from orchestration.models import Entry
from orchestration.plans import samples
from tests.dashboard.overview.test_page import in_line
from tests.dashboard.seeds import entries as seed
from workspaces.models import Event, Workspace


def plan(client: Client, workspace: Workspace, text: str, **form_data: Any) -> Any:
    return client.post(f"/w/{workspace.pk}/backlog/plans/import/", {"text": text, "do": "preview"} | form_data)


def add(client: Client, workspace: Workspace, text: str, **form_data: Any) -> Any:
    """The form of a preview, as a browser sends it."""
    return confirm(client, workspace, plan(client, workspace, text, **form_data), text, **form_data)


def confirm(client: Client, workspace: Workspace, preview: Any, text: str, **form_data: Any) -> Any:
    match = re.search(r'name="token" value="(\w+)"', preview.content.decode())
    carried = base64.b64encode(zlib.compress(text.encode())).decode()
    values = {"carried": carried, "do": "add", "token": match[1] if match else ""}
    return client.post(f"/w/{workspace.pk}/backlog/plans/import/", values | form_data, follow=True)


# --- a plan ---


def test_a_preview_shows_all_and_saves_nothing(otto: Client, workspace: Workspace) -> None:
    before = (Entry.objects.count(), Event.objects.count())
    seen = in_line(
        plan(
            otto, workspace, "- [ ] Parse (ref: parse; budget: $2)\n- [ ] Import (after: parse, #3; files: a.py)\n- [x] Choose"
        ).content.decode()
    )
    for fact in (
        "2 entries would be added",
        "parse: Parse",
        "#3 Cache the exchange",
        "<code>a.py</code>",
        "sum to <strong>$2.00",
        "Choose is ticked off",
        "Add 2 entries",
    ):
        assert fact in seen, fact
    assert (Entry.objects.count(), Event.objects.count()) == before


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_the_samples_can_be_added_as_they_are(otto: Client, workspace: Workspace, name: str) -> None:
    assert "2 entries are added" in in_line(add(otto, workspace, samples.SAMPLES[name][1]).content.decode())
    last, first = Entry.objects.filter(workspace=workspace).order_by("-seq")[:2]
    assert first.account.budget == 2_000_000 and first.paths == ["shop/dates.py"] and first.created_by == "otto"
    assert list(last.dependencies.values_list("depends_on", flat=True)) == [first.pk]


def test_a_plan_that_is_sent_twice_is_added_once(otto: Client, workspace: Workspace) -> None:
    before, text = Entry.objects.count(), "- [ ] A\n- [ ] B"
    preview = plan(otto, workspace, text)
    confirm(otto, workspace, preview, text)
    seen = in_line(confirm(otto, workspace, preview, text).content.decode())
    assert "added already: 2 entries" in seen and Entry.objects.count() == before + 2


def test_problems_stand_on_their_lines_and_what_was_typed_stays(otto: Client, workspace: Workspace) -> None:
    text = "- [ ] A (after: #99)\n- [ ] B <b>\n  budget: lots"
    response = plan(otto, workspace, text)
    seen = in_line(response.content.decode())
    assert response.status_code == 200 and "2 problems: nothing can be imported yet" in seen
    assert "Line 1:</strong> There is no entry #99" in seen and "Line 3:</strong>" in seen and "Add 2" not in seen
    assert "- [ ] B &lt;b&gt;" in seen


def test_what_is_checked_when_shown_is_checked_when_added(otto: Client, workspace: Workspace) -> None:
    text = "- [ ] A (after: #12)"
    preview = plan(otto, workspace, text)
    entries.delete(Entry.objects.get(workspace=workspace, seq=12), by=seed.ANA)
    before = Entry.objects.count()
    response = confirm(otto, workspace, preview, text)
    assert "There is no entry #12" in in_line(response.content.decode()) and Entry.objects.count() == before


def test_a_file_is_read(otto: Client, workspace: Workspace) -> None:
    upload = SimpleUploadedFile("plan.yaml", "- content: Größe\n".encode())
    assert "Größe" in in_line(plan(otto, workspace, "", file=upload).content.decode())


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"- [ ] A\n\xff", "Line 2:</strong> The file is not UTF-8"), (b"x" * (1024 * 1024 + 1), "larger than 1 MiB")],
)
def test_a_bad_file_is_reported(otto: Client, workspace: Workspace, data: bytes, words: str) -> None:
    assert words in in_line(plan(otto, workspace, "", file=SimpleUploadedFile("plan.md", data)).content.decode())


@pytest.mark.parametrize(
    "carried",
    ["", "not base64", base64.b64encode(b"not zlib").decode(), base64.b64encode(zlib.compress(b"x" * 3_000_000)).decode()],
)
def test_what_does_not_arrive_whole_adds_nothing(otto: Client, workspace: Workspace, carried: str) -> None:
    before = Entry.objects.count()
    response = otto.post(f"/w/{workspace.pk}/backlog/plans/import/", {"carried": carried, "do": "add", "key": "\x00"})
    assert response.status_code == 422 and Entry.objects.count() == before


@pytest.mark.parametrize(
    "text", ["\x00", "- [ ] A\x00", "[" * 50_000, "- content: '\\ud800'", "- ref: '#3'\n  content: A\n  depends_on: ['\\0']"]
)
def test_odd_plans_are_answered(otto: Client, workspace: Workspace, text: str) -> None:
    assert plan(otto, workspace, text, format="\x00").status_code in (200, 422)


def test_exceeding_the_remaining_budget_is_reported(otto: Client, workspace: Workspace) -> None:
    assert "more than available" in in_line(plan(otto, workspace, "- [ ] A (budget: $5000)").content.decode())


def test_entries_whose_budget_pays_no_round_are_counted(otto: Client, workspace: Workspace) -> None:
    seen = in_line(plan(otto, workspace, "- [ ] A (budget: $0.01)\n- [ ] B (budget: $1)").content.decode())
    assert "1 has less than the $0.05 that a round needs: blocked until you raise its budget" in seen


# --- a plan again ---

AGAIN = "# Dates\n\n## Reading\n- [ ] Parse dates\n- [ ] Parse times\n"


def test_a_plan_again_shows_what_changes_and_what_a_person_edited(otto: Client, workspace: Workspace) -> None:
    add(otto, workspace, AGAIN)
    times = Entry.objects.get(workspace=workspace, content="Parse times")
    content.edit(times, content.Change(content="Parse times my way"), by=seed.ANA)
    new = AGAIN.replace("Parse dates", "Parse dates (priority: high)") + "  in words\n- [ ] Print\n"
    seen = in_line(plan(otto, workspace, new).content.decode())
    for fact in (
        "1 entry would be added, 1 changed",
        "Priority: <del>medium</del> <ins>high</ins>",
        "A person edited it: 1 value of the plan left out",
        "stays <strong>Parse times my way</strong>",
        "Compared with what was imported from <strong>Dates</strong>",
        "Add 1 entry, change 1",
    ):
        assert fact in seen, fact
    assert "1 entry is added, 1 changed; 1 entry keeps what differs" in in_line(add(otto, workspace, new).content.decode())
    times.refresh_from_db()
    assert times.content == "Parse times my way" and times.group == "Reading"


def test_the_same_plan_again_has_nothing_to_import(otto: Client, workspace: Workspace) -> None:
    add(otto, workspace, AGAIN)
    seen = in_line(plan(otto, workspace, AGAIN).content.decode())
    assert "Nothing would change" in seen and "2 unchanged" in seen and 'id="add"' not in seen


def test_an_outdated_preview_comes_back_and_imports_nothing(otto: Client, workspace: Workspace) -> None:
    add(otto, workspace, AGAIN)
    new = AGAIN.replace("Parse dates", "Parse dates (priority: high)")
    preview = plan(otto, workspace, new)
    dates = Entry.objects.get(workspace=workspace, content="Parse dates")
    content.edit(dates, content.Change(group="Elsewhere"), by=seed.ANA)
    response = confirm(otto, workspace, preview, new)
    assert response.status_code == 409 and "changed since this preview" in in_line(response.content.decode())
    dates.refresh_from_db()
    assert dates.priority == Entry.Priority.MEDIUM
    assert "1 entry is changed" in in_line(confirm(otto, workspace, response, new).content.decode())


def test_what_left_the_plan_is_listed_and_what_was_deleted_here_comes_back_on_request(otto: Client, workspace: Workspace) -> None:
    add(otto, workspace, AGAIN)
    entries.delete(Entry.objects.get(workspace=workspace, content="Parse dates"), by=seed.ANA)
    seen = in_line(plan(otto, workspace, "# Dates\n\n## Reading\n- [ ] Parse dates\n").content.decode())
    assert "No longer in the plan" in seen and "Parse times" in seen and "Deleted here" in seen and 'name="restore"' in seen
    assert "1 entry is added" in in_line(add(otto, workspace, AGAIN, restore="1").content.decode())


def test_several_files_are_one_plan(otto: Client, workspace: Workspace) -> None:
    text = "---\nid: BACK-{0}\ntitle: Task {0}\nstatus: To Do\n---\n"
    files = [SimpleUploadedFile(f"back-{n}.md", text.format(n).encode()) for n in (1, 2)]
    seen = in_line(plan(otto, workspace, "", file=files).content.decode())
    assert "Read as Backlog.md tasks" in seen and "2 entries would be added" in seen


def test_a_plan_without_a_name_is_called_as_its_file(otto: Client, workspace: Workspace) -> None:
    upload = SimpleUploadedFile("dates.yaml", b"- content: A\n")
    assert "imported from <strong>dates</strong>" in in_line(plan(otto, workspace, "", file=upload).content.decode())


def test_a_viewer_imports_nothing(vera: Client, workspace: Workspace) -> None:
    assert plan(vera, workspace, AGAIN).status_code == 403
