"""A run's proposals as a difference of the backlog: what is added, what changes from what to what, what goes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from budget import amounts
from orchestration.landing import reads as landing
from orchestration.models import Entry, Proposal
from orchestration.proposals import base_tests, editing
from orchestration.proposals.context import snapshots
from workspaces.models import Workspace

Kind, State = Proposal.Kind, Proposal.State
# Of an open proposal and of an applied one: the word, and its tone.
OPEN = {
    Kind.ADD: ("+ New", "good"),
    Kind.CHANGE: ("Change", "run"),
    Kind.HOLD: ("Put on hold", "warn"),
    Kind.MERGE: ("Merge", "run"),
    Kind.DROP: ("− Gone", "bad"),
    Kind.SPLIT: ("Split", "run"),
}
APPLIED = {
    Kind.ADD: "Added",
    Kind.CHANGE: "Changed",
    Kind.HOLD: "Put on hold",
    Kind.MERGE: "Merged",
    Kind.DROP: "Dropped",
    Kind.SPLIT: "Split",
}
DECIDED = {State.REJECTED: ("Rejected", ""), State.OUTDATED: ("Outdated", "warn")}
LISTS = (("acceptance_criteria", "Acceptance criteria"), ("tests", "Tests to make pass"))
LABELS = {"priority": "Priority", "depends_on": "Waits for", "rounds": "Rounds", "content": "Text", "spec": "Spec"}


@dataclass(frozen=True)
class Row:
    """A proposal as the page shows it. `outrun`: why an open one no longer fits the backlog. `differences`: label, before, after. `needs`: the names of what a new entry waits for. `parts`:
    headings with their lines. `files`: each with whether it is new. `base_tests`: the words and the tone for its tests before the work.
    `is_without_test`: it is an open new entry that names none, and no case that fails on the base looks like it.
    """

    proposal: Proposal
    outrun: str
    word: str
    tone: str
    body: str
    differences: list[tuple[str, str, str]]
    needs: list[str]
    parts: list[tuple[str, list[str]]]
    files: list[tuple[str, bool]]
    base_tests: tuple[str, str] | None
    failing: list[tuple[str, str]]
    test_files: list[tuple[str, str]]
    estimate: str
    is_without_test: bool

    @property
    def may_edit(self) -> bool:
        return self.proposal.kind == Kind.ADD or self.proposal.kind in editing.EDITABLE


def rows(workspace: Workspace, proposals: Sequence[Proposal], outrun: Mapping[int, str]) -> list[Row]:
    """In a fixed number of queries. `outrun`: a proposal's id to why it cannot be applied."""
    ids = {pk for proposal in proposals for pk in _named(proposal)}
    seqs = {pk: f"#{seq}" for pk, seq in Entry.objects.filter(pk__in=ids).values_list("pk", "seq")}
    for proposal in proposals:
        if ref := proposal.after.get("ref"):
            seqs[ref] = f"#{proposal.entry.seq}" if proposal.entry else f"proposal {proposal.number}"
    likely = landing.likely_targets(workspace, _drafts(proposals))
    return [_row(proposal, seqs, outrun.get(proposal.pk, ""), likely) for proposal in proposals]


def _drafts(proposals: Sequence[Proposal]) -> dict[int, tuple[str, Mapping[str, Any]]]:
    """The entries that would be new, by their proposal."""
    new = [proposal for proposal in proposals if proposal.state == State.OPEN and proposal.kind == Kind.ADD]
    return {proposal.pk: (proposal.after["content"], proposal.after.get("spec") or {}) for proposal in new}


def _named(proposal: Proposal) -> Iterator[str]:
    """The ids of entries that it names, with the refs."""
    yield from proposal.after.get("depends_on") or ()
    yield from (proposal.before or {}).get("depends_on") or ()
    for child in proposal.after.get("entries") or ():
        yield from child.get("depends_on") or ()


def _row(proposal: Proposal, seqs: Mapping[str, str], outrun: str, likely: Mapping[int, list[str]]) -> Row:
    is_new = proposal.kind == Kind.ADD
    has_spec = is_new or proposal.kind == Kind.MERGE
    spec = (proposal.after.get("spec") or {}) if has_spec else {}
    requirements = spec.get("requirements") or []
    parts = [("Requirements", requirements if isinstance(requirements, list) else [requirements])] if requirements else []
    parts += [(label, list(spec[key])) for key, label in LISTS if spec.get(key)]
    if proposal.kind == Kind.SPLIT:
        parts = [("Into", _children(proposal, seqs))]
    return Row(
        proposal,
        outrun,
        *(DECIDED[State.OUTDATED] if outrun else _word(proposal)),
        "\n".join(proposal.after["content"].strip().split("\n")[1:]).strip() if has_spec else "",
        [] if is_new else list(_differences(proposal, seqs)),
        [seqs.get(name, name) for name in proposal.after.get("depends_on") or ()] if is_new else [],
        parts,
        [(path, True) for path in spec.get("files_to_create") or ()]
        + [(path, False) for path in spec.get("files_to_modify") or ()],
        _tests_before_work(proposal),
        list(proposal.tests_on_base.get("failing", {}).items()),
        list((spec.get("test_files") or {}).items()),
        _estimate(proposal),
        not outrun and likely.get(proposal.pk) == [],
    )


def _estimate(proposal: Proposal) -> str:
    if not proposal.estimate:
        return ""
    chances = ", ".join(f"{100 * chance:.0f} %" for chance in proposal.estimate["chances"])
    return f"{chances} to pass after 1, 2, 3 rounds of {amounts.format_usd(proposal.estimate['round'])}"


def _tests_before_work(proposal: Proposal) -> tuple[str, str] | None:
    """The words and the tone for the state of its tests. None: there is no state to show, or the proposal's note says what is wrong with them."""
    state = proposal.tests_on_base.get("state", "")
    if state not in base_tests.WORDS or (proposal.note and state != "red"):
        return None
    return base_tests.WORDS[state], "good" if state == "red" else "warn"


def _children(proposal: Proposal, seqs: Mapping[str, str]) -> list[str]:
    """A line for each child; one that waits for another child names it by its place."""
    children = proposal.after["entries"]
    places = {child["ref"]: f"child {n}" for n, child in enumerate(children, start=1) if child.get("ref")}
    reasons = proposal.after.get("reasons") or [""] * len(children)  # a person's children have none
    return [_child(child, reason, {**seqs, **places}) for child, reason in zip(children, reasons, strict=True)]


def _child(child: Mapping[str, Any], reason: str, seqs: Mapping[str, str]) -> str:
    """A line: its title, its files, its tests, what it waits for, and why the agent proposes it."""
    spec = child.get("spec") or {}
    files = [*(spec.get("files_to_create") or ()), *(spec.get("files_to_modify") or ())]
    needs = [seqs.get(name, name) for name in child.get("depends_on") or ()]
    parts = [child["content"].strip().split("\n", 1)[0][:120]]
    parts += [", ".join(files)] if files else []
    parts += [f"tests: {', '.join(spec['tests'])}"] if spec.get("tests") else []
    parts += [f"waits for {', '.join(needs)}"] if needs else []
    parts += [reason] if reason else []
    return " · ".join(parts)


def _word(proposal: Proposal) -> tuple[str, str]:
    kind = Kind(proposal.kind)
    if proposal.state == State.APPLIED:
        return APPLIED[kind], "good"
    return OPEN[kind] if proposal.state == State.OPEN else DECIDED[State(proposal.state)]


def _differences(proposal: Proposal, seqs: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    before = proposal.before or {}
    if proposal.kind == Kind.MERGE:
        other = before["other"]
        yield "Takes over", f"#{other['seq']} {snapshots.title(other)}", ""
    elif proposal.kind == Kind.CHANGE:
        for key, label in LABELS.items():
            if key in proposal.after:
                yield label, _text(key, before.get(key), seqs), _text(key, proposal.after[key], seqs)


def _text(key: str, value: Any, seqs: Mapping[str, str]) -> str:
    if key == "depends_on":
        return ", ".join(seqs.get(name, name) for name in value or ()) or "nothing"
    if key == "spec":
        return "; ".join(f"{name}: {_line(item)}" for name, item in (value or {}).items()) or "nothing"
    return str(value)


def _line(item: Any) -> str:
    return ", ".join(str(part) for part in item) if isinstance(item, list) else str(item)
