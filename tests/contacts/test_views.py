"""Saved views: one's own and shared ones; whom a view shows depends on who asks (O5)."""

import pytest

from common.errors import Conflict, Forbidden, Invalid, NotFound
from common.ids import uuid7
from common.tenancy import tenant
from contacts.filters import ContactFilter
from contacts.models import SavedView
from contacts.services import views
from enterprises.models import AuditEntry
from enterprises.rest import get_or_404
from tests import factories
from tests.contacts.conftest import grant

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/contacts/views"


def seen(actor):
    return sorted(SavedView.objects.visible_to(actor).values_list("name", flat=True))


def test_a_view_is_ones_own_until_it_is_shared(team):
    views.save_view(team.actors.anna, name="mine", filter={"owner": "me"})
    shared = views.save_view(team.admin, name="all", filter={"grade": "high,low"}, shared=True)
    assert (seen(team.actors.anna), seen(team.actors.bob), seen(team.admin)) == (["all", "mine"], ["all"], ["all"])
    assert shared.filter == {"grade": ["high", "low"]}
    with pytest.raises(NotFound):
        get_or_404(SavedView.objects.visible_to(team.actors.bob), SavedView.objects.get(name="mine").pk)
    actions = AuditEntry.objects.filter(action="view.saved").order_by("id")
    assert [entry.subject_label for entry in actions] == ["mine", "all"]


def test_o5_a_shared_view_shows_everybody_their_own(team):
    factories.contact(team.admin, name="hers", follower=team.anna)
    factories.contact(team.admin, name="his", follower=team.bob)
    view = views.save_view(team.admin, name="x", filter={"owner": "me"}, shared=True)
    for name, expected in (("anna", ["hers"]), ("bob", ["his"]), ("graded", [])):
        asked = ContactFilter.from_params(view.filter, getattr(team.actors, name))
        assert list(asked.queryset().values_list("name", flat=True)) == expected


def test_sharing_and_views_of_others_need_the_permission(team):
    anna, bob = team.actors.anna, team.actors.bob
    with pytest.raises(Forbidden):
        views.save_view(anna, name="x", filter={}, shared=True)
    mine = views.save_view(anna, name="x", filter={})
    with pytest.raises(Forbidden):
        views.change_view(anna, view=mine, shared=True)
    with pytest.raises(Forbidden):
        views.change_view(bob, view=mine, name="y")
    with pytest.raises(Forbidden):
        views.delete_view(bob, view=mine)
    mine.refresh_from_db()
    assert (mine.name, mine.shared) == ("x", False)
    views.change_view(grant(anna, "views.share"), view=mine, shared=True)
    views.delete_view(team.admin, view=mine)
    assert not SavedView.objects.exists()


def test_a_view_holds_only_what_can_be_asked(inside):
    for wrong, field in (
        ({"name": " "}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"filter": {"colour": "red"}}, "colour"),
        ({"filter": {"grade": "gold"}}, "grade"),
        ({"ordering": "-phones"}, "ordering"),
        ({"columns": ["<b>"]}, "columns"),
        ({"columns": [f"c_{chr(97 + n % 26)}{'x' * (n // 26)}" for n in range(31)]}, "columns"),
    ):
        with pytest.raises(Invalid) as refused:
            views.save_view(inside, **{"name": "x", "filter": {}, **wrong})
        assert set(refused.value.errors) == {field}
    views.save_view(inside, name=" a  b ", filter={}, columns=["owner", "tags", "owner"])
    assert SavedView.objects.values_list("name", "columns").get() == ("a b", ["owner", "tags"])
    with pytest.raises(Conflict) as taken:
        views.save_view(inside, name="a b", filter={})
    assert taken.value.code == "name_taken" and SavedView.objects.count() == 1


def test_nobody_keeps_more_views_than_can_be_read(inside, monkeypatch):
    monkeypatch.setattr(views, "MOST", 1)
    views.save_view(inside, name="a", filter={})
    with pytest.raises(Conflict) as refused:
        views.save_view(inside, name="b", filter={})
    assert refused.value.code == "too_many"


@pytest.mark.parametrize("rows", [1, 3])
def test_the_api_keeps_and_lists_views(api, enterprise, rows, django_assert_num_queries):
    for number in range(rows):
        body = {"name": f"v{number}", "filter": {"search": "wxm", "tag_none": [str(uuid7())]}, "ordering": "-spend"}
        made = api.post(ROOT, body, content_type="application/json")
        assert made.status_code == 201, made.json()
    with django_assert_num_queries(6):
        listed = api.get(ROOT).json()["results"]
    assert [view["name"] for view in listed] == [f"v{number}" for number in range(rows)]
    one = f"{ROOT}/{listed[0]['id']}"
    assert api.get(one).json() == listed[0] and listed[0]["ordering"] == "-spend"
    changed = api.patch(one, {"shared": True, "columns": ["owner"]}, content_type="application/json").json()
    assert (changed["shared"], changed["columns"], changed["filter"]) == (True, ["owner"], listed[0]["filter"])
    assert api.patch(one, {"filter": {"x": 1}}, content_type="application/json").status_code == 400
    assert api.delete(one).status_code == 204 and api.get(one).status_code == 404


def test_another_enterprise_has_views_of_its_own(enterprise, other_enterprise):
    for one in (enterprise, other_enterprise):
        with tenant(one.pk):
            views.save_view(factories.super_admin(one), name="x", filter={}, shared=True)
            assert seen(factories.super_admin(one)) == ["x"]


def test_a_view_that_somebody_deleted_meanwhile_is_not_there(team):
    view = views.save_view(team.admin, name="x", filter={}, shared=True)
    stale = SavedView.objects.get(pk=view.pk)
    views.delete_view(team.admin, view=view)
    before = AuditEntry.objects.count()
    for attempt in (
        lambda: views.change_view(team.admin, view=stale, name="y"),
        lambda: views.delete_view(team.admin, view=stale),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert AuditEntry.objects.count() == before


def test_what_changed_of_a_view_is_told_from_what_it_was(inside):
    """Not from what somebody had read before another edit."""
    view = views.save_view(inside, name="x", filter={"grade": "high"})
    stale = SavedView.objects.get(pk=view.pk)
    views.change_view(inside, view=view, name="y")
    changed = views.change_view(inside, view=stale, name="z")
    entry = AuditEntry.objects.filter(action="view.changed").order_by("-id")[0]
    assert (entry.before, entry.after, changed.name) == ({"name": "y"}, {"name": "z"}, "z")
