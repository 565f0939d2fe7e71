"""A firm that writes to its partners, for the tests of messages."""

from django.db.models import Count, Q

from common.tenancy import tenant
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import factories
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.models import MessageDelivery
from upstream.services import messages, subgroups


class Firm:
    """Two spaces; a subgroup with one below it; three partners with people, one of whom is in both spaces."""

    def __init__(self, enterprise):
        self.enterprise = enterprise
        self.admin = factories.super_admin(enterprise)
        self.brands, self.media = make_space(self.admin, "品牌"), make_space(self.admin, "媒体")
        self.top = subgroups.create_subgroup(self.admin, space=self.brands, name="一组")
        self.below = subgroups.create_subgroup(self.admin, space=self.brands, name="一组下", parent=self.top)
        self.near = make_partner(self.admin, self.brands, "近", subgroups=[self.below], kind="brand", region="华东")
        self.far = make_partner(self.admin, self.brands, "远", kind="supplier", region="华南")
        self.paper = make_partner(self.admin, self.media, "报社", kind="media")
        self.both = make_person(self.admin, self.near, "两处", phone="13812345678")
        self.twin = make_person(self.admin, self.paper, "两处", phone="13812345678")
        self.boss = make_person(self.admin, self.near, "老板", leader=True)
        self.other = make_person(self.admin, self.far, "远人")

    def draft(self, actor=None, **fields):
        given = {"title": "通知", "text": "明天放假", "audience": {"spaces": [self.brands.pk]}, **fields}
        return messages.create_message(actor or self.admin, **given)

    def send(self, message, actor=None):
        return messages.send(actor or self.admin, message=message)

    def work(self, name=messages.JOB):
        """Do the jobs of this name that wait, outside of the scope in which the tests look and act."""
        waiting = list(JobRun.objects.filter(name=name, state="queued").values_list("pk", flat=True))
        self.open.close()
        ended = [execute_run(self.enterprise.pk, pk) for pk in waiting]
        self.open.enter_context(tenant(self.enterprise.pk))
        return ended


def reached(message, **fields):
    """The names of those who have a row."""
    found = MessageDelivery.objects.filter(message=message, **fields)
    return sorted(found.values_list("person__name", flat=True))


def consistent(message):
    """The counters are those of the rows."""
    message.refresh_from_db()
    rows = MessageDelivery.objects.filter(message=message).aggregate(
        people=Count("id"),
        delivered=Count("id", filter=Q(delivered_at__isnull=False)),
        opened=Count("id", filter=Q(opened_at__isnull=False)),
        clicked=Count("id", filter=Q(clicked_at__isnull=False)),
        failed=Count("id", filter=Q(state="failed")),
    )
    assert rows == {name: getattr(message, name) for name in rows}
    return message
