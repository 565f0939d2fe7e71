"""The pages of team budgets (Q12): what they say, what they refuse, what they cost."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common.middleware import LANGUAGE_COOKIE
from common.tenancy import tenant
from enterprises.models import Member
from quota import services
from quota.models import Account, Budget, Loan
from tests import factories
from tests.quota.teams import budget, tree

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(enterprise):
    with tenant(enterprise.pk):
        team = tree(enterprise)
        budget(team.admin, team.south, 60)
        budget(team.admin, team.shenzhen, 1)
        for actor in (team.as_sam, team.as_sue):
            factories.contact(actor)
    return team


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    client.cookies[LANGUAGE_COOKIE] = "en"
    return client


@pytest.fixture
def client(enterprise, team):
    return browser(team.admin.member.user)


@pytest.fixture
def url(enterprise):
    return f"/e/{enterprise.code}/scale/budgets/"


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_q12_the_tree_says_how_each_team_stands(client, url, team):
    page = text(client.get(url))
    assert page.index("华南") < page.index("深圳")
    assert "used up" in page and "1 of them given to the teams inside" in page
    for number in ("2,000", "1,940", "60"):
        assert f"<b>{number}</b>" in page


def test_q12_over_committed_budgets_are_shown(client, url, enterprise, team):
    with tenant(enterprise.pk):
        factories.reset_policy({"free_unverified": 50, "free_verified": 50})
        services.refresh_account(enterprise)
    assert "10 places beyond the scale of 50" in text(client.get(url))


def test_q12_setting_changing_removing(client, url, enterprise, team):
    assert client.post(url, {"department": team.north.pk, "places": 5}).status_code == 302
    refused = client.post(url, {"department": team.canton.pk, "places": 60})
    assert refused.status_code == 409 and "At most 59 places can be given here" in text(refused)
    with tenant(enterprise.pk):
        one = Budget.objects.get(department=team.north)
    assert client.post(f"{url}{one.pk}/", {"places": 7}).status_code == 302
    with tenant(enterprise.pk):
        assert Budget.objects.get(pk=one.pk).places == 7
    assert client.post(f"{url}{one.pk}/remove/").status_code == 302
    with tenant(enterprise.pk):
        assert not Budget.objects.filter(pk=one.pk).exists()


def test_q12_the_reserve(client, url, enterprise, team):
    body = {"places": 5, "departments": [str(team.south.pk)], "sources": "展会，官网"}
    assert client.post(f"{url}reserve/", body).status_code == 302
    with tenant(enterprise.pk):
        account = Account.objects.get()
        assert (account.reserve, account.reserve_departments) == (5, [team.south.pk])
        assert account.reserve_sources == ["展会", "官网"]
    assert "展会, 官网" in text(client.get(url))
    assert client.post(f"{url}reserve/", {"places": 5000}).status_code == 409
    assert client.post(f"{url}reserve/", {"places": -1}).status_code == 400


def test_q12_borrowing(client, url, enterprise, team):
    with tenant(enterprise.pk):
        borrower = Budget.objects.get(department=team.shenzhen)
        Member.objects.filter(pk=team.sam.pk).update(department=team.shenzhen)
        team.shenzhen.leader = team.sam
        team.shenzhen.save()
    leader = browser(team.sam.user)
    assert "Ask for places" in text(leader.get(f"{url}loans/"))
    assert leader.post(f"{url}loans/", {"borrower": borrower.pk, "places": 3, "reason": "展会"}).status_code == 302
    with tenant(enterprise.pk):
        loan = Loan.objects.get()
    assert "Lend" in text(client.get(f"{url}loans/")) and "Withdraw" in text(leader.get(f"{url}loans/"))
    assert client.post(f"{url}loans/{loan.pk}/approve/").status_code == 302
    with tenant(enterprise.pk):
        assert Budget.objects.get(pk=borrower.pk).places == 4
    assert "Give back" in text(leader.get(f"{url}loans/"))
    assert client.post(f"{url}loans/{loan.pk}/nonsense/").status_code == 302  # back, with the message
    assert leader.post(f"{url}loans/{loan.pk}/return/").status_code == 302


def test_staff_see_their_own_teams_and_change_nothing(url, enterprise, team):
    page = text(browser(team.ned.user).get(url))
    assert "华南" not in page and "Your teams share the scale" in page
    assert "Set the budget" not in page


def test_the_pages_cost_few_queries_however_many_teams(client, url, enterprise, team):
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    queries(url)
    before = [queries(url), queries(f"{url}loans/")]
    with tenant(enterprise.pk):
        for department in (team.canton, team.north):
            made = budget(team.admin, department, 5)
            services.request_loan(team.admin, borrower=made, lender=None, places=1)
    assert queries(url) == before[0] <= 15
    assert queries(f"{url}loans/") <= 15
