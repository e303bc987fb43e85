"""The instructions for an entry's agents and the questions of those: the tab, and its forms."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.lists.head import first_of
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import done
from orchestration.dialogue import messages, questions, reads, texts
from orchestration.edge import queries
from orchestration.models import Entry
from workspaces.access import Need

MAX_SHOWN = 100
ROOM = 2 * texts.MAX_CHARS  # browsers send two characters for the end of a line


class TextForm(forms.Form):
    text = forms.CharField(max_length=ROOM, error_messages={"required": "Write what the agent should know"})


class InstructionForm(TextForm):
    retry = forms.BooleanField(required=False)


class AnswerForm(forms.Form):
    question = forms.IntegerField(min_value=1, max_value=2**63 - 1, error_messages={"required": "Choose a question"})
    answer = forms.CharField(max_length=ROOM, error_messages={"required": "Write an answer"})


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    return {
        "entry": entry,
        "questions": first_of(reads.questions(entry), MAX_SHOWN),
        "sent": (sent := first_of(reads.messages(entry), MAX_SHOWN)),
        "said": [(message, messages.state(message, entry)) for message in sent],
        "is_stuck": entry.status in messages.STUCK,
        "takes_words": entry.status != Entry.Status.DONE and not entry.is_container,
        "max_chars": texts.MAX_CHARS,
    }


@require_POST
@in_workspace(Need.OPERATE)
def instruct(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    form_data = validated(InstructionForm(page_request.request.POST))
    messages.instruct(entry, form_data["text"], by=page_request.caller, retry=form_data["retry"])
    then = (
        "is back in line; the instruction" if form_data["retry"] and entry.status in messages.STUCK else "has an instruction: it"
    )
    return done(page_request, f"#{entry.seq} {then} is first in its next prompt")


@require_POST
@in_workspace(Need.OPERATE)
def answer(page_request: PageRequest, entry_id: str) -> HttpResponse:
    queries.entry_for(page_request.workspace.pk, entry_id)
    form_data = validated(AnswerForm(page_request.request.POST))
    number, text = form_data["question"], form_data["answer"]
    question = questions.answer(page_request.workspace.pk, number, text, by=page_request.caller)
    return done(page_request, f"#{question.entry.seq} has your answer: its agent goes on with it")
