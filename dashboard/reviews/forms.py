"""Forms of budget reviews."""

from django import forms

from budget.models import Decision, Proposal
from dashboard.shared.forms import AmountField

DAY = {"invalid": "Enter a date such as 2026-11-24", "required": "Choose a date"}


class ReviewForm(forms.Form):
    title = forms.CharField(max_length=200, error_messages={"required": "Enter a title"})
    due = forms.DateField(required=False, input_formats=["%Y-%m-%d"], error_messages=DAY)
    required_approvals = forms.TypedChoiceField(choices=[("1", "1"), ("2", "2")], coerce=int)


class NewReviewForm(ReviewForm):
    period_from = forms.DateField(input_formats=["%Y-%m-%d"], error_messages=DAY)
    period_to = forms.DateField(input_formats=["%Y-%m-%d"], error_messages=DAY)


class TargetForm(forms.Form):
    """The subject of a proposal: an entry's id, or the name of one of the project's amounts."""

    target = forms.CharField(max_length=60, error_messages={"required": "Choose a budget"})

    def clean_target(self) -> tuple[Proposal.Field, str | None]:
        name = self.cleaned_data["target"]
        if name in (Proposal.Field.CAP, Proposal.Field.TOTAL):
            return Proposal.Field(name), None
        return Proposal.Field.BUDGET, name


class ProposalForm(TargetForm):
    amount = AmountField(
        error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD, such as 12.50"}
    )
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
