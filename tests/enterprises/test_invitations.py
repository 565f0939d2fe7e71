"""Invitations: a link by mail, once, for a while, for one address."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core import mail

from common import clock
from common.errors import Conflict, Forbidden, NotFound
from common.tenancy import tenant
from enterprises import services, tasks
from enterprises.models import AuditEntry, Enterprise, Member, User
from enterprises.services import invitations
from enterprises.services import members as people
from tests import factories

pytestmark = pytest.mark.django_db
PASSWORD = "eleven green bottles"


@pytest.fixture
def invited(enterprise) -> Member:
    """A member who has been sent a link."""
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        member = people.create_member(actor, userid="new", name="新人", email="new@example.com")
        return invitations.invite(actor, member=member)


def link(enterprise: Enterprise, member: Member) -> str:
    """The path of the link that the worker mails."""
    mail.outbox.clear()
    tasks.send_invitation(str(enterprise.pk), str(member.pk), "老板", "en")
    [message] = mail.outbox
    [url] = [line for line in message.body.splitlines() if line.startswith("http")]
    return urlsplit(url).path


def token(enterprise: Enterprise, member: Member) -> str:
    return link(enterprise, member).split("/")[2]


def test_the_mail_goes_out_after_the_commit(enterprise, django_capture_on_commit_callbacks, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.send_invitation, "delay", lambda *args: sent.append(args))
    with django_capture_on_commit_callbacks(execute=True), tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        member = people.create_member(actor, userid="new", name="n", email="new@example.com")
        invitations.invite(actor, member=member)
        assert sent == []
    assert sent == [(str(enterprise.pk), str(member.pk), actor.label, "zh-hans")]


def test_the_mail_names_enterprise_and_inviter(enterprise, invited):
    link(enterprise, invited)
    [message] = mail.outbox
    assert (message.to, message.subject) == (["new@example.com"], "Invitation to 测试企业")
    assert "新人" in message.body and "老板" in message.body


def test_a_new_person_sets_a_password_and_is_in(enterprise, invited, client):
    path = link(enterprise, invited)
    assert "new@example.com" in client.get(path).content.decode()
    weak = client.post(path, {"person": "新人", "password": "1234567890"})
    assert weak.status_code == 400 and not User.objects.filter(email="new@example.com").exists()
    answer = client.post(path, {"person": "新人", "password": PASSWORD})
    assert answer.headers["Location"] == f"/e/{enterprise.code}/"
    assert client.get(answer.headers["Location"]).status_code == 200
    user = User.objects.get(email="new@example.com")
    assert user.check_password(PASSWORD) and user.emailaddress_set.get().verified
    with tenant(enterprise.pk):
        member = Member.objects.get(pk=invited.pk)
        assert (member.user_id, member.invited_at) == (user.pk, None)
        entry = AuditEntry.objects.get(action="member.joined")
        assert (entry.actor_id, entry.via, entry.ip) == (member.pk, "console", "127.0.0.1")


def test_a_link_works_once(enterprise, invited, client):
    path = link(enterprise, invited)
    client.post(path, {"person": "新人", "password": PASSWORD})
    client.logout()
    for answer in (client.get(path), client.post(path, {"person": "x", "password": PASSWORD})):
        assert answer.status_code == 404
    with pytest.raises(NotFound) as refused:
        invitations.accept_new(path.split("/")[2], name="x", password=PASSWORD)
    assert refused.value.code == "invitation_invalid"


def test_somebody_with_an_account_logs_in_and_accepts(enterprise, other_enterprise, invited, client):
    person = factories.user("new@example.com")
    with tenant(other_enterprise.pk):
        factories.member(user=person)
    path = link(enterprise, invited)
    assert "password" not in client.get(path).content.decode()
    answer = client.post(path)
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/account/login/?next=/join/")
    client.force_login(person)
    assert client.post(path).headers["Location"] == f"/e/{enterprise.code}/"
    assert client.get(f"/e/{enterprise.code}/").status_code == 200


def test_somebody_else_cannot_accept_it(enterprise, invited, client):
    factories.user("new@example.com")
    stranger = factories.user()
    client.force_login(stranger)
    path = link(enterprise, invited)
    assert client.post(path).status_code == 302
    with pytest.raises(Conflict) as refused:
        invitations.accept(path.split("/")[2], user=stranger)
    assert refused.value.code == "other_address"
    with tenant(enterprise.pk):
        assert Member.objects.get(pk=invited.pk).user is None


def test_nobody_is_a_member_twice(enterprise, invited):
    person = factories.user("new@example.com")
    with tenant(enterprise.pk):
        other = factories.member()
        Member.objects.filter(pk=other.pk).update(user=person, email="")
    with pytest.raises(Conflict) as refused:
        invitations.accept(token(enterprise, invited), user=person)
    assert refused.value.code == "already_member"


def test_it_expires_after_the_days_of_the_policy(enterprise, invited):
    with tenant(enterprise.pk):
        services.update_policy(factories.super_admin(enterprise), values={"invitation_days": 2})
    ticket = token(enterprise, invited)
    end = invited.invited_at.replace(microsecond=0) + timedelta(days=2)
    with clock.at(end - timedelta(seconds=1)):
        assert invitations.read(ticket).email == "new@example.com"
    with clock.at(end), pytest.raises(NotFound) as refused:
        invitations.read(ticket)
    assert refused.value.code == "invitation_expired"


@pytest.mark.parametrize(
    "change",
    [
        lambda actor, member: invitations.invite(actor, member=member),
        lambda actor, member: people.update_member(actor, member=member, changes={"email": "other@example.com"}),
        lambda actor, member: people.disable_member(actor, member=member),
        lambda actor, member: people.resign_member(actor, member=member),
    ],
    ids=["sent again", "other address", "disabled", "resigned"],
)
def test_what_changes_the_member_ends_the_link(enterprise, invited, change):
    ticket = token(enterprise, invited)
    with tenant(enterprise.pk):
        change(factories.super_admin(enterprise), invited)
    with pytest.raises(NotFound) as refused:
        invitations.read(ticket)
    assert refused.value.code == "invitation_invalid"


def test_a_suspended_enterprise_takes_nobody_in(enterprise, invited):
    ticket = token(enterprise, invited)
    Enterprise.objects.filter(pk=enterprise.pk).update(status="suspended")
    with pytest.raises(NotFound):
        invitations.read(ticket)


def test_forged_links_are_refused(client, enterprise, invited):
    ticket = token(enterprise, invited)
    for forged in ("x", ticket[:-1], ticket[1:], "a:b:c"):
        assert client.get(f"/join/{forged}/").status_code == 404


def test_who_can_be_invited(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        for member, code in (
            (factories.member(), "already_joined"),
            (people.create_member(actor, userid="a", name="a"), "email_missing"),
        ):
            with pytest.raises(Conflict) as refused:
                invitations.invite(actor, member=member)
            assert refused.value.code == code


def test_nobody_invites_somebody_above_them(enterprise, scope):
    with scope():
        root = factories.super_admin(enterprise)
        boss = people.create_member(
            root, userid="b", name="b", email="b@example.com", role=services.builtin_role("super_admin")
        )
        role = factories.role("members.view", "members.manage")
        with pytest.raises(Forbidden):
            invitations.invite(factories.acting(enterprise, factories.member(role=role)), member=boss)
