"""O9 in real parallel transactions: of several who settle the same contact at once, one decides."""

from functools import partial

import pytest

from collaboration.models import Duplicate
from collaboration.services import duplicates
from common.errors import Refusal
from common.tenancy import tenant
from contacts.models import Contact, Follow, Interaction
from contacts.services.relations import add_follow
from enterprises.models import Member
from tests import factories
from tests.parallel import in_parallel, meet

pytestmark = pytest.mark.usefixtures("committed_db")
MANY = 6


@pytest.fixture
def shared(committed_db):
    """An enterprise, a contact that several members follow, and those members."""
    enterprise = factories.enterprise(verified=True)
    with tenant(enterprise.pk):
        members = [factories.member() for _number in range(MANY)]
        contact = factories.contact(factories.actor(enterprise, members[0]))
        for member in members[1:]:
            add_follow(factories.super_admin(enterprise), contact=contact, member=member)
        duplicates.radar()
    return enterprise, members


def settle(enterprise, member: Member) -> str:
    try:
        with tenant(enterprise.pk):
            row = Duplicate.objects.select_related("contact").get()
            duplicates.settle(factories.super_admin(enterprise), duplicate=row, owner=member, others="end")
    except Refusal as refusal:
        return refusal.code
    return "settled"


def test_o9_one_of_many_decides(shared):
    enterprise, members = shared
    answers = in_parallel([partial(settle, enterprise, member) for member in members[1:]])
    assert sorted(answers) == ["already_settled"] * (MANY - 2) + ["settled"]
    with tenant(enterprise.pk):
        owner = Contact.objects.get().owner_id
        assert owner == members[1:][answers.index("settled")].pk == Duplicate.objects.get().owner_id
        assert list(Follow.objects.filter(state="active").values_list("member_id", flat=True)) == [owner]
        assert Interaction.objects.filter(kind="owner_changed").count() == 1


def test_o9_negative_control_without_asking_whether_it_is_open_the_last_one_wins(shared, monkeypatch):
    enterprise, members = shared
    asked = duplicates.rows

    def whatever(statement, params=None):
        return asked(statement.replace("AND known.state = 'open'", ""), params)

    def together(params):
        meet()

    monkeypatch.setattr(duplicates, "rows", whatever)
    monkeypatch.setattr(duplicates, "_lock", together)
    answers = in_parallel([partial(settle, enterprise, member) for member in members[1:3]])
    with tenant(enterprise.pk):
        assert answers.count("settled") == 2 or Follow.objects.filter(state="active").count() == 0
        assert Interaction.objects.filter(kind="owner_changed").count() != 1
