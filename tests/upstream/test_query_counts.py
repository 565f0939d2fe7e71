"""X4: every list of upstream and downstream costs the same with one row and with three, by API and console."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common.tenancy import tenant
from contacts.services.bulk.selection import Selection
from enterprises.models import Department, Enterprise
from tests import factories
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.models import Application, Space
from upstream.services import bridges, invitations, members, shares, spaces, subgroups, workbench

pytestmark = pytest.mark.django_db

API = [
    "spaces",
    "series",
    "partners",
    "partner-contacts",
    "invitations",
    "applications",
    "shares",
    "joined-spaces",
    "joined-spaces/{joined}",
    "spaces/{space}",
    "spaces/{space}/subgroups",
    "spaces/{space}/partners",
    "spaces/{space}/contacts",
    "spaces/{space}/members",
    "spaces/{space}/rules",
    "spaces/{space}/invitations",
    "spaces/{space}/shares",
    "spaces/{space}/visibility?member={member}",
    "partners/{partner}",
    "invitations/{personal}/invitees",
]
CONSOLE = [
    "spaces/",
    "spaces/{space}/",
    "spaces/{space}/members/",
    "spaces/{space}/visibility/?member={member}",
    "partners/",
    "partners/{partner}/",
    "invitations/",
    "invitations/applications/",
    "invitations/{personal}/",
    "shares/",
    "joined-spaces/",
    "joined-spaces/{joined}/",
]
TABLES = [
    *(f"/api/v1/{path}" for path in API),
    *(f"/e/{{code}}/{path}" for path in CONSOLE),
    "/workbench/{code}/{link}/",
]


class World:
    """Things of every kind, so many of each; more with every call of `grow`."""

    def __init__(self, firm: Enterprise, host: Enterprise) -> None:
        self.firm, self.host = firm, host
        with tenant(host.pk):
            self.hosting = factories.super_admin(host)
            self.theirs = make_space(self.hosting, "对方空间", partners_open=True)
        with tenant(firm.pk):
            self.admin = factories.super_admin(firm)
            self.space = make_space(self.admin, "我方空间", partners_open=True)
            self.top = subgroups.create_subgroup(self.admin, space=self.space, name="上级组")
            self.partner = make_partner(self.admin, self.space, "主伙伴", subgroups=[self.top])
            self.seat = make_person(self.admin, self.partner, phone="13812345678")
            self.told = invitations.create_link(self.admin, space=self.space)
            self.personal = None
            self.department = Department.objects.create(name="部门")
        self.joined = None
        self.number = 0

    def grow(self) -> None:
        self.number += 1
        n = self.number
        with tenant(self.firm.pk):
            self._grow_ours(n)
        with tenant(self.host.pk):
            partner = make_partner(self.hosting, self.theirs)
            code = bridges.offer(self.hosting, partner=partner)[1]
            into = partner if self.joined is None else self.joined_as
            make_person(self.hosting, into)
            shares.create_share(
                self.hosting, kind="link", title=f"共享{n}", url="https://example.com/", space=self.theirs
            )
            seller = factories.member(department=Department.objects.create(name=f"销售{n}"))
            members.add_members(self.hosting, space=self.theirs, members=[seller])
        with tenant(self.firm.pk):
            joined = bridges.join(self.admin, code=code)
        if self.joined is None:
            self.joined, self.joined_as = joined, into

    def _grow_ours(self, n: int) -> None:
        admin, space = self.admin, self.space
        make_space(admin, f"别的空间{n}")
        series = spaces.create_series(admin, name=f"系列{n}")
        group = subgroups.create_subgroup(admin, space=space, name=f"组{n}", parent=self.top)
        partner = make_partner(admin, space, subgroups=[group], owner=factories.member())
        make_person(admin, partner, contact=factories.contact(admin), leader=True)
        person = make_person(admin, self.partner, phone=f"1390000000{n}")
        make_person(admin, make_partner(admin, Space.objects.get(series=series)), phone=person.person.phone)
        make_person(admin, make_partner(admin, make_space(admin)), phone=self.seat.person.phone)
        ours = factories.member(department=self.department)
        members.add_members(admin, space=space, members=[ours], subgroups=[group])
        members.create_rule(admin, space=space, name=f"规则{n}", members=[ours], subgroups=[group], partners=[partner])
        invitations.create_link(admin, space=space, subgroup=group)
        invitations.create_link(admin, series=series)
        shares.create_share(
            admin, kind="link", title=f"共享{n}", url="https://example.com/", space=space, subgroup=group
        )
        shares.create_share(admin, kind="link", title=f"给全部{n}", url="https://example.com/", space=space)
        Application.objects.create(company=f"公司{n}", name="某人", phone=f"1370000000{n}", invitation=self.told)
        if self.personal is None:
            chosen = [factories.contact(admin).pk for _one in range(3)]
            selection = Selection.of(admin, ids=chosen)
            self.personal, _number = invitations.invite_customers(admin, space=space, selection=selection)
            self.waiting = list(self.personal.invitees.order_by("id"))
            self.personal.invitees.exclude(pk=self.waiting[0].pk).update(invitation=self._spare(n))
        else:
            self.personal.invitees.model.objects.filter(pk=self.waiting[n - 1].pk).update(invitation=self.personal)

    def _spare(self, n: int):
        return invitations.create_link(self.admin, space=self.space, source=f"备用{n}")

    def count(self) -> dict[str, int]:
        """The statements of each list, every one warmed up by a look before."""
        with tenant(self.firm.pk):
            link = workbench.issue_link(self.admin, seat=self.seat)
        parts = {
            "space": self.space.pk,
            "partner": self.partner.pk,
            "joined": self.joined.pk,
            "personal": self.personal.pk,
            "member": self.admin.member_id,
            "code": self.firm.code,
            "link": link.code,
        }
        api, console = factories.api_client(self.firm), Client()
        console.force_login(self.admin.member.user)
        console.post(f"/workbench/{self.firm.code}/{link.code}/", {"digits": "5678"})
        found = {}
        for table in TABLES:
            client = api if table.startswith("/api/") else console
            client.get(table.format(**parts))
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(table.format(**parts))
            assert answer.status_code == 200, (table, answer.content.decode())
            found[table] = len(queries)
        return found


def test_x4_every_list_costs_the_same_with_one_and_three_rows(enterprise, other_enterprise):
    world = World(enterprise, other_enterprise)
    world.grow()
    one = world.count()
    world.grow()
    world.grow()
    three = world.count()
    assert three == one
