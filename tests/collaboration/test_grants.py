"""Collaborators: invite, accept, decline, change, remove; the rules of the enterprise; what ends a grant (O1-O3)."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from collaboration.models import CollaborationRule, Invitation
from collaboration.queries import grants as queries
from collaboration.services import grants, rules
from common import clock
from common.errors import Conflict, Forbidden, Invalid, NotFound
from contacts.models import Contact, Grant, Interaction
from contacts.services import relations
from enterprises.models import AuditEntry, Role
from enterprises.services import members
from enterprises.services.roles import update_role
from jobs.models import Notification
from tests import factories
from tests.contacts.conftest import inside, team  # noqa: F401
from tests.contacts.unchanged import refused

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def scene(enterprise, team):  # noqa: F811
    """Anna's contact; Bob (north) and Carl are colleagues, Gu a graded admin of the south."""
    contact = factories.contact(team.actors.anna)
    helpers = [factories.member(f"Helper {number}") for number in range(4)]
    return SimpleNamespace(
        contact=contact, helpers=helpers, actor=lambda member: factories.actor(enterprise, member), **vars(team)
    )  # fmt: skip


def invite(scene, member=None, *, by=None, level="viewer", **more):
    return grants.invite(
        by or scene.actors.anna, contact=scene.contact, member=member or scene.bob, level=level, **more
    )  # fmt: skip


def join(scene, member=None, **more):
    """Invited and accepted."""
    member = member or scene.bob
    return grants.accept(scene.actor(member), invitation=invite(scene, member, **more))


def sees(scene, member):
    return Contact.objects.visible_to(scene.actor(member)).filter(pk=scene.contact.pk).exists()


def told(member):
    return sorted(Notification.objects.filter(member=member).values_list("kind", flat=True))


def kinds(scene):
    return list(Interaction.objects.filter(contact=scene.contact).order_by("id").values_list("kind", flat=True))


# --- Invite, accept, decline ------------------------------------------------------------------------------


def test_o1_the_owner_invites_and_the_colleague_accepts(scene):
    until = factories.NOON + 30 * DAY
    offer = invite(scene, level="editor", expires_at=until, message="帮忙看看")
    assert isinstance(offer, Invitation) and not sees(scene, scene.bob)
    assert offer.lapses_at == factories.NOON + 14 * DAY
    assert told(scene.bob) == ["collaboration.invited"]
    [waiting] = queries.collaborators(scene.contact)
    assert (waiting.member, waiting.invited, waiting.message) == (scene.bob, True, "帮忙看看")
    grant = grants.accept(scene.actors.bob, invitation=offer)
    assert (grant.level, grant.expires_at, grant.granted_by) == ("editor", until, scene.anna)
    assert sees(scene, scene.bob) and not Invitation.objects.exists()
    assert told(scene.anna) == ["collaboration.joined"] and told(scene.bob) == ["collaboration.invited"]
    assert kinds(scene) == ["added", "collaborator_joined"]
    entries = AuditEntry.objects.filter(action__startswith="collaborator.").order_by("id")
    assert [(entry.action, entry.actor_id, entry.subject_id) for entry in entries] == [
        ("collaborator.invited", scene.anna.pk, scene.contact.pk),
        ("collaborator.joined", scene.bob.pk, scene.contact.pk),
    ]
    with refused("not_found", NotFound):
        grants.accept(scene.actors.bob, invitation=offer)


def test_o5_before_accepting_the_contact_does_not_exist_for_the_invited(scene):
    invite(scene)
    assert not sees(scene, scene.bob)
    with refused("not_found", NotFound):
        grants.remove(scene.actors.bob, contact=scene.contact, member=scene.bob)
    [mine] = queries.invitations(scene.actors.bob)
    assert str(mine.contact) == scene.contact.name
    assert not queries.invitations(scene.actors.carl).exists()


def test_declining_leaves_nothing_but_the_news(scene):
    offer = invite(scene)
    with refused("not_found", NotFound):
        grants.decline(scene.actors.carl, invitation=offer)
    grants.decline(scene.actors.bob, invitation=offer)
    assert not Invitation.objects.exists() and not Grant.objects.exists()
    assert told(scene.anna) == ["collaboration.declined"]
    assert invite(scene).pk != offer.pk  # and may be asked again


def test_an_invitation_lapses_by_time_and_makes_way(scene):
    offer = invite(scene)
    with clock.at(factories.NOON + 14 * DAY):
        with refused("not_found", NotFound):
            grants.accept(scene.actors.bob, invitation=offer)
        assert queries.collaborators(scene.contact) == []
        assert invite(scene).pk != offer.pk


def test_accepting_too_late_or_when_things_have_changed(scene):
    offer = invite(scene, expires_at=factories.NOON + DAY)
    with clock.at(factories.NOON + 2 * DAY), refused("invalid", Invalid):
        grants.accept(scene.actors.bob, invitation=offer)
    relations.change_owner(scene.admin, contact=scene.contact, owner=scene.bob)
    with refused("sees_already", Conflict):
        grants.accept(scene.actors.bob, invitation=offer)


def test_o3_a_rule_may_skip_the_acceptance(scene):
    rules.set_rule(scene.admin, role=scene.anna.role, changes={"asks": False})
    grant = invite(scene)
    assert isinstance(grant, Grant) and sees(scene, scene.bob)
    assert told(scene.bob) == ["collaboration.added"] and told(scene.anna) == []


def test_o4_who_needs_no_invitation_or_has_no_use_for_one_is_not_invited(scene):
    away = factories.member("Away", status="disabled")
    blind = factories.member("Blind", role=factories.role("members.view", scope="related"))
    for member, code in (
        (scene.anna, "sees_already"),
        (scene.admin.member, "not_invitable"),
        (scene.graded, "not_invitable"),
        (blind, "not_invitable"),
    ):
        with refused(code, Conflict):
            invite(scene, member)
    with refused("invalid", Invalid):
        invite(scene, away)
    names = {member.name for member in queries.invitable(scene.contact)}
    assert names == {"Bob", "Carl", *(helper.name for helper in scene.helpers)}


def test_bad_input_is_refused(scene):
    with refused("invalid", Invalid):
        invite(scene, level="owner")
    with refused("invalid", Invalid):
        invite(scene, expires_at=factories.NOON)
    with refused("invalid", Invalid):
        invite(scene, message="长" * 201)
    invite(scene)
    with refused("already_invited", Conflict):
        invite(scene)
    join(scene, scene.carl)
    with refused("already_collaborator", Conflict):
        invite(scene, scene.carl)


# --- Who may ----------------------------------------------------------------------------------------------


def test_o1_o2_only_owner_and_admins_invite_change_and_remove(scene):
    join(scene, level="editor")
    relations.add_follow(scene.actors.carl, contact=scene.contact)
    for who in (scene.actors.bob, scene.actors.carl):
        with refused("forbidden", Forbidden):
            invite(scene, scene.helpers[0], by=who)
        with refused("forbidden", Forbidden):
            grants.change(who, contact=scene.contact, member=scene.bob, changes={"level": "viewer"})
    with refused("forbidden", Forbidden):
        grants.remove(scene.actors.carl, contact=scene.contact, member=scene.bob)
    with refused("not_found", NotFound):
        invite(scene, scene.bob, by=scene.actor(scene.helpers[0]))
    invite(scene, scene.helpers[0], by=scene.actors.graded)
    invite(scene, scene.helpers[1], by=scene.admin)
    elsewhere = factories.member("G", role="graded_admin", ranges=[scene.north])
    with refused("not_found", NotFound):
        invite(scene, scene.helpers[2], by=scene.actor(elsewhere))


def test_o3_the_role_says_who_may_invite(scene):
    codes = [code for code in scene.anna.role.permissions if code != "contacts.share"]
    update_role(scene.admin, role=scene.anna.role, changes={"permissions": codes})
    with refused("forbidden", Forbidden):
        invite(scene, by=scene.actor(scene.anna))


def test_o3_o4_nobody_gives_a_higher_level_than_their_role_may(scene):
    rules.set_rule(scene.admin, role=scene.anna.role, changes={"highest": "viewer"})
    with refused("exceeds_own_rights", Forbidden) as caught:
        invite(scene, level="editor")
    assert caught.value.extra["highest"] == "viewer"
    join(scene, level="viewer")
    with refused("exceeds_own_rights", Forbidden):
        grants.change(scene.actors.anna, contact=scene.contact, member=scene.bob, changes={"level": "editor"})
    grants.change(scene.admin, contact=scene.contact, member=scene.bob, changes={"level": "editor"})
    assert Grant.objects.get().level == "editor"


def test_o3_three_collaborators_open_invitations_included(scene):
    join(scene, scene.helpers[0])
    invite(scene, scene.helpers[1])
    invite(scene, scene.helpers[2])
    with refused("collaborator_limit", Conflict) as caught:
        invite(scene, scene.helpers[3])
    assert (caught.value.extra["limit"], caught.value.extra["present"]) == (3, 3)
    grants.remove(scene.actors.anna, contact=scene.contact, member=scene.helpers[2])
    invite(scene, scene.helpers[3])


def test_o3_a_role_can_have_its_own_number_and_the_policy_another_default(scene):
    rules.set_rule(scene.admin, role=scene.anna.role, changes={"most": 1})
    join(scene)
    with refused("collaborator_limit", Conflict):
        invite(scene, scene.carl)
    invite(scene, scene.carl, by=scene.admin)
    factories.reset_policy({"collaborators_max": 2})
    with refused("collaborator_limit", Conflict):
        invite(scene, scene.helpers[0], by=scene.admin)
    rules.set_rule(scene.admin, role=scene.anna.role, changes={"most": None})
    assert queries.terms(scene.actors.anna).most == 2


def test_o3_expired_collaborators_lapsed_invitations_and_the_owner_take_no_room(scene):
    join(scene, scene.helpers[0], expires_at=factories.NOON + DAY)
    join(scene, scene.helpers[1])
    invite(scene, scene.helpers[2])
    with clock.at(factories.NOON + DAY):
        invite(scene, scene.helpers[3])
    scene.contact = relations.change_owner(scene.admin, contact=scene.contact, owner=scene.helpers[1])
    with clock.at(factories.NOON + DAY):
        assert [one.member.name for one in queries.collaborators(scene.contact)] == ["Helper 2", "Helper 3"]
        grants.invite(scene.admin, contact=scene.contact, member=scene.anna, level="viewer")


def test_o3_rules_are_the_enterprises_and_audited(scene):
    role = scene.anna.role
    with refused("forbidden", Forbidden):
        rules.set_rule(scene.actors.graded, role=role, changes={"most": 9})
    for wrong in ({"most": 101}, {"most": -1}, {"highest": "owner"}):
        with refused("invalid", Invalid):
            rules.set_rule(scene.admin, role=role, changes=wrong)
    rules.set_rule(scene.admin, role=role, changes={"most": 5, "asks": False})
    entry = AuditEntry.objects.get(action="collaboration.rule_changed")
    assert (entry.before, entry.after) == ({"most": None, "asks": 1}, {"most": 5, "asks": 0})
    assert {one.label: terms.most for one, _rule, terms in queries.rules()}[role.label] == 5
    spare = Role.objects.create(name="临时", scope="related", permissions=[])
    rules.set_rule(scene.admin, role=spare, changes={"most": 1})
    spare.delete()
    assert CollaborationRule.objects.count() == 1


# --- Change, remove, leave, expire ------------------------------------------------------------------------


def test_o2_level_and_term_can_be_changed(scene):
    grant = join(scene)
    changed = grants.change(
        scene.actors.anna,
        contact=scene.contact,
        member=scene.bob,
        changes={"level": "editor", "expires_at": factories.NOON + DAY},
    )
    assert (changed.pk, changed.level, changed.expires_at) == (grant.pk, "editor", factories.NOON + DAY)
    assert "collaboration.changed" in told(scene.bob)
    grants.change(scene.actors.anna, contact=scene.contact, member=scene.bob, changes={"expires_at": None})
    assert Grant.objects.get().expires_at is None
    offer = invite(scene, scene.carl)
    grants.change(scene.actors.anna, contact=scene.contact, member=scene.carl, changes={"level": "editor"})
    assert grants.accept(scene.actors.carl, invitation=offer).level == "editor"
    with refused("not_found", NotFound):
        grants.change(scene.actors.anna, contact=scene.contact, member=scene.helpers[0], changes={"level": "viewer"})


def test_removal_and_leaving_end_it_at_once_and_what_was_written_stays(scene):
    join(scene, level="editor")
    join(scene, scene.carl)
    grants.remove(scene.actors.anna, contact=scene.contact, member=scene.bob)
    assert not sees(scene, scene.bob) and "collaboration.removed" in told(scene.bob)
    grants.remove(scene.actors.carl, contact=scene.contact, member=scene.carl)
    assert not sees(scene, scene.carl) and "collaboration.left" in told(scene.anna)
    assert not Grant.objects.exists() and kinds(scene).count("collaborator_left") == 2
    actions = AuditEntry.objects.filter(action__in=("collaborator.removed", "collaborator.left")).order_by("id")
    assert [entry.action for entry in actions] == ["collaborator.removed", "collaborator.left"]


def test_o2_time_ends_a_grant_not_the_job(scene):
    until = factories.NOON + DAY
    join(scene, level="editor", expires_at=until)
    with clock.at(until - timedelta(microseconds=1)):
        assert sees(scene, scene.bob)
    with clock.at(until):
        assert not sees(scene, scene.bob)
        assert Grant.objects.count() == 1  # no job has run
        again = join(scene, level="viewer")
        assert again.expires_at is None and Grant.objects.count() == 1 and sees(scene, scene.bob)


def test_no_grant_outlives_the_membership(scene):
    """Resigned: everything granted and offered ends, and does not come back with the member."""
    join(scene)
    other = factories.contact(scene.actors.carl)
    grants.invite(scene.actors.carl, contact=other, member=scene.bob, level="viewer")
    members.disable_member(scene.admin, member=scene.bob)
    assert Grant.objects.count() == Invitation.objects.count() == 1  # locked out for now: everything stays
    members.resign_member(scene.admin, member=scene.bob)
    assert Grant.objects.count() == Invitation.objects.count() == 0
    entry = AuditEntry.objects.get(action="collaborator.ended")
    assert entry.after == {"collaborations": 1, "invitations": 1}
    members.enable_member(scene.admin, member=scene.bob)
    assert not sees(scene, scene.bob)


def test_o6_collaborators_stay_when_the_owner_changes(scene):
    join(scene)
    relations.change_owner(scene.admin, contact=scene.contact, owner=scene.carl)
    assert sees(scene, scene.bob) and not sees(scene, scene.helpers[0])
    # A collaborator who becomes the owner is one again when the contact is handed on.
    owned = relations.change_owner(scene.admin, contact=scene.contact, owner=scene.bob)
    assert queries.collaborators(owned) == []
    given = relations.change_owner(scene.admin, contact=scene.contact, owner=scene.carl)
    assert [one.member for one in queries.collaborators(given)] == [scene.bob]


def test_a_promoted_collaborator_sees_by_their_new_role_only(scene):
    """O4: a graded admin sees what their departments own; the grant lies idle."""
    join(scene)
    scene.bob.role = scene.graded.role
    scene.bob.save(update_fields=["role"])
    assert not sees(scene, scene.bob)
    assert not queries.mine(scene.actor(scene.bob)).exists()
