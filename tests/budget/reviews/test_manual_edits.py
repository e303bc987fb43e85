"""The database refuses edits by hand that would change what a decision stands for."""

import pytest
from django.db import IntegrityError, transaction

from budget.amounts import usd
from budget.models import Proposal, Review
from budget.reviews import drafting
from budget.reviews.drafting import Wish
from tests.factories import ANA, a_review
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def test_a_proposal_does_not_leave_a_review_that_is_being_decided(shop: Workspace) -> None:
    asked = drafting.request(a_review(shop, Wish(Proposal.Field.CAP, usd(7), "less"), by=ANA), by=ANA)
    other = a_review(shop, by=ANA)
    with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic():
        asked.proposals.update(review=other)
    assert asked.proposals.count() == 1


def test_a_version_does_not_come_again(shop: Workspace) -> None:
    asked = drafting.request(a_review(shop, by=ANA), by=ANA)
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.filter(pk=asked.pk).update(version=0)
