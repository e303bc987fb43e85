"""An expander's answer: children of the entry that it was asked about, or one entry, which is a better description of it. Pure."""

from dataclasses import replace

from orchestration.backlog.splitting import MAX_CHILDREN
from orchestration.models import Proposal
from orchestration.proposals.answering import answers, json_answers
from orchestration.proposals.answering.proposed import Answer, Proposed
from orchestration.proposals.context.planning_context import PlanningContext
from orchestration.proposals.context.snapshots import EntrySnapshot
from orchestration.proposals.kinds.schema import AnsweredEntry


def read(text: str, planning_context: PlanningContext, subject: EntrySnapshot) -> Answer:
    """The answer in this text. Its entries may depend on each other and on other entries of the backlog, never on the subject."""
    others = replace(planning_context, entries=[known for known in planning_context.entries if known.id != subject.id])
    try:
        listed = json_answers.items(text, "entries", most=MAX_CHILDREN)
    except ValueError as why:
        return Answer(problems=[str(why)])
    entries, problems = answers.by_schema(listed)
    if not problems:
        problems = list(answers.check(entries, others))
        if len(entries) == 1 and entries[0].depends_on:
            problems.append("One entry describes the entry itself: what it waits for stays as it is, leave `depends_on` out")
    if problems:
        return Answer(problems=json_answers.first(problems))
    resolved = [answers.with_ids(entry, others) for entry in entries]
    return Answer([_change(resolved[0], subject) if len(resolved) == 1 else _split(resolved, subject, others)])


def _split(entries: list[AnsweredEntry], subject: EntrySnapshot, others: PlanningContext) -> Proposed:
    twins = [f"{entries[n].title}: {sentence[:1].lower()}{sentence[1:]}" for n, sentence in answers.duplicates(entries, others)]
    children = [entry.proposed().stored() for entry in entries]
    reason = next((entry.reason for entry in entries if entry.reason), "")
    note = ". ".join(twins)[:500]
    after = {"entries": children} | ({"reasons": [entry.reason for entry in entries]} if reason else {})
    return Proposed(Proposal.Kind.SPLIT, after, reason, note, subject.id, subject.stored())


def _change(entry: AnsweredEntry, subject: EntrySnapshot) -> Proposed:
    after = {name: value for name, value in entry.proposed().stored().items() if name in ("content", "spec")}
    return Proposed(Proposal.Kind.CHANGE, after, entry.reason, "", subject.id, subject.stored())
