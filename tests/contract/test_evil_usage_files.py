"""Malformed provider files: a 400 in the contract's shape, and no booking."""

import pytest

from budget.models import LedgerEntry
from tests.contract.api import Api, Response, names_of

pytestmark = pytest.mark.django_db

HEAD = "usage_date_utc,model,cost_usd\n"


def send(shop: Api, rows: str, **more: object) -> Response:
    return shop.post("/budget/reconciliations", {"csv": HEAD + rows, "provider": "anthropic", "apply": True} | more)


@pytest.mark.parametrize(
    "rows",
    [
        "9999-12-31,m,1\n",
        "0001-01-01T00:00:00+14:00,m,1\n",
        "9999-12-31T23:00:00-05:00,m,1\n",
        "2026-08-04,m\x00m,1\n",
        '2026-08-04,"m\ud800",1\n',
        "2026-08-04,m,1e400\n",
        "2026-08-04,m,NaN\n",
        "2026-08-04,m,-Infinity\n",
        "2026-08-04,m,1000000000000\n" * 20,
        "2026-08-04,m,-1000000000000\n" * 20,
        "2026-08-04,m,9000000000\n",
        "2026-08-04,m,1_000\n",
        "2026-08-04,m,\u0661\n",
        '"' + "x" * 200_000 + '",m,1\n',
        '2026-08-04,m,"0,05"\n',
        '2026-08-04,m,"1,00,0"\n',
        "2026-08-04,m,.\n",
    ],
)
def test_is_refused_and_books_nothing(shop: Api, rows: str) -> None:
    response = send(shop, rows)
    assert response.status == 400 and names_of(response) == ["csv"]
    assert not LedgerEntry.objects.exists()


def test_a_future_day_is_shown_and_never_booked(shop: Api) -> None:
    [line] = send(shop, "2990-01-01,m,1\n").json["lines"]
    assert line["note"] == "a day that has not begun: not booked" and not LedgerEntry.objects.exists()


@pytest.mark.parametrize("cost", ["1234.5", "$1234.50", '"1,234.50"', "1.2345e3", '"$1,234.5"'])
def test_an_amount_may_be_written_as_spreadsheets_do(shop: Api, cost: str) -> None:
    [line] = send(shop, f"2026-08-04,m,{cost}\n").json["lines"]
    assert line["provider_usd"] == 1234.5
