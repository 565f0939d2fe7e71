"""The price table in the platform's back office: what operators may write, and what they may not."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from quota import queries
from quota.models import TierPrice
from tests.enterprises.test_back_office import operator, person  # noqa: F401  # an operator with a second factor

pytestmark = pytest.mark.django_db

ADD = "/platform/quota/tierprice/add/"


def test_operators_add_a_price_that_counts_from_its_day(operator):  # noqa: F811
    answer = operator.post(ADD, {"tier": "5000", "price": "650", "effective_from": "2026-07-01"})
    assert answer.status_code == 302
    assert queries.prices(date(2026, 6, 30))[5000].price == 500
    assert queries.prices(date(2026, 7, 1))[5000].price == 650


@pytest.mark.parametrize(
    "values",
    [
        {"tier": "5000", "price": "-1", "effective_from": "2026-07-01"},
        {"tier": "0", "price": "1", "effective_from": "2026-07-01"},
        {"tier": "5000", "price": "1", "effective_from": "2010-01-01"},
        {"tier": "5000", "price": "", "effective_from": "2026-07-01"},
        {"tier": "5000", "price": "1", "effective_from": "soon"},
    ],
    ids=["negative price", "no places", "the same day twice", "no price", "no date"],
)
def test_nonsense_is_refused_in_the_form(operator, values):  # noqa: F811
    before = TierPrice.objects.count()
    answer = operator.post(ADD, values)
    assert answer.status_code == 200 and "errorlist" in answer.content.decode()
    assert TierPrice.objects.count() == before


@pytest.mark.parametrize("values", [{"tier": 0, "price": 1}, {"tier": 1, "price": -1}, {"tier": 5000, "price": 1}])
def test_the_database_refuses_it_as_well(values):
    with pytest.raises(IntegrityError), transaction.atomic():
        TierPrice.objects.create(**values, effective_from=date(2010, 1, 1))
