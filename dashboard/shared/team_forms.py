"""What the forms of reviews and notices take."""

from typing import Any

from django import forms

from budget.models import Decision, Proposal
from dashboard.shared.forms import Amount
from workspaces.activity import events
from workspaces.models import Channel

DAY = {"invalid": "Write a day as 2026-11-24", "required": "Choose a day"}


class ReviewForm(forms.Form):
    title = forms.CharField(max_length=200, error_messages={"required": "Give it a title"})
    due = forms.DateField(required=False, input_formats=["%Y-%m-%d"], error_messages=DAY)
    required_approvals = forms.TypedChoiceField(choices=[("1", "1"), ("2", "2")], coerce=int)


class NewReviewForm(ReviewForm):
    period_from = forms.DateField(input_formats=["%Y-%m-%d"], error_messages=DAY)
    period_to = forms.DateField(input_formats=["%Y-%m-%d"], error_messages=DAY)


class TargetForm(forms.Form):
    """What a proposal is about: an entry's id, or the name of one of the project's amounts."""

    target = forms.CharField(max_length=60, error_messages={"required": "Choose what is to change"})

    def clean_target(self) -> tuple[Proposal.Field, str | None]:
        said = self.cleaned_data["target"]
        if said in (Proposal.Field.CAP, Proposal.Field.TOTAL):
            return Proposal.Field(said), None
        return Proposal.Field.BUDGET, said


class ProposalForm(TargetForm):
    amount = Amount(error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD, such as 12.50"})
    reason = forms.CharField(max_length=200, error_messages={"required": "Every proposal needs a reason"})
    lock = forms.BooleanField(required=False)


class CommentForm(forms.Form):
    text = forms.CharField(max_length=5000, error_messages={"required": "Write a comment"})
    about = forms.CharField(max_length=60, required=False)


class DecisionForm(forms.Form):
    decision = forms.ChoiceField(
        choices=Decision.Verdict.choices, error_messages={"required": "Choose: approve or request changes"}
    )
    note = forms.CharField(max_length=2000, error_messages={"required": "A decision needs a note"})
    version = forms.IntegerField(min_value=0, max_value=1_000_000)


class ChannelForm(forms.Form):
    name = forms.CharField(max_length=200, error_messages={"required": "Give it a name"})
    target = forms.CharField(max_length=2000, error_messages={"required": "Write where it goes"})
    verbs = forms.MultipleChoiceField(choices=events.notice_choices, error_messages={"required": "Choose at least one event"})


class NewChannelForm(ChannelForm):
    kind = forms.ChoiceField(choices=Channel.Kind.choices)


class LogForm(forms.Form):
    """The delivery log's filters in the address: what does not fit is left out."""

    channel = forms.RegexField(r"^[a-z0-9_]{0,40}$", required=False)
    state = forms.ChoiceField(
        choices=[("", "All"), ("pending", "Waiting"), ("delivered", "Delivered"), ("failed", "Failed")], required=False
    )
    before = forms.RegexField(r"^[0-9]{0,18}$", required=False)


def fitting(form: forms.Form) -> dict[str, Any]:
    """The values that fit; the rest is empty."""
    form.is_valid()
    return {name: form.cleaned_data.get(name) or "" for name in form.fields}
