"""Nobody keeps more views than can be read, however many are saved at once."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connections

from common.errors import Conflict
from common.tenancy import tenant
from contacts.models import SavedView
from contacts.services import views
from tests import factories
from tests.parallel import in_parallel, meet

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.mark.parametrize("locked", [True, False])
def test_two_views_saved_at_once_are_no_more_than_can_be_kept(locked, monkeypatch):
    """The second waits, counts again and is refused; without the lock both would be kept."""
    monkeypatch.setattr(views, "MOST", 1)
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        member = factories.super_admin(enterprise).member
    if not locked:
        monkeypatch.setattr(views, "lock", lambda name: None)

    def save(name):
        try:
            return views.save_view(factories.actor(enterprise, member), name=name, filter={}).name
        except Conflict as refused:
            return refused.code

    def elsewhere():
        try:
            with tenant(enterprise.pk):
                return save("b")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with tenant(enterprise.pk):
            assert save("a") == "a"
            second = pool.submit(elsewhere)
            if locked:
                factories.wait_for_blocked()
            else:
                assert second.result() == "b"
        assert second.result() == ("too_many" if locked else "b")
    with tenant(enterprise.pk):
        assert sorted(SavedView.objects.values_list("name", flat=True)) == (["a"] if locked else ["a", "b"])


def test_nobody_waits_for_the_views_of_somebody_else():
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        people = [factories.member(), factories.member()]

    def save(member):
        with tenant(enterprise.pk):
            views.save_view(factories.actor(enterprise, member), name="a", filter={})
            meet()

    in_parallel([partial(save, member) for member in people])
    with tenant(enterprise.pk):
        assert SavedView.objects.count() == 2
