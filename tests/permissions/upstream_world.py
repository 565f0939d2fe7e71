"""What there is of upstream and downstream to knock at."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from common.tenancy import tenant
from contacts.services.bulk.selection import Selection
from enterprises.actors import Actor
from enterprises.models import Enterprise
from tests import factories
from upstream.models import Application, Message
from upstream.services import bridges, chats, invitations, messages, partners, shares, spaces, subgroups
from upstream.services import members as space_members
from upstream.services import people as partner_people


def structure(admin: Actor, people: dict[str, Any], contact: Any) -> dict[str, Any]:
    """A space with everything in it; `follower` and `graded_in` are in it."""
    space = spaces.create_space(admin, name=f"空间 {admin.enterprise.name}")
    group = subgroups.create_subgroup(admin, space=space, name="一组")
    empty = subgroups.create_subgroup(admin, space=space, name="空组")
    inside = [people["follower"], people["graded_in"]]
    space_members.add_members(admin, space=space, members=inside)
    partner = partners.add_partner(admin, space=space, name="伙伴", subgroups=[group], virtual=True)
    other = partners.add_partner(admin, space=space, name="另一伙伴")
    seat = partner_people.add_person(admin, partner=partner, name="李雷", phone="13800000000", contact=contact)
    rule = space_members.create_rule(admin, space=space, name="规则", members=inside, partners=[partner, other])
    spare = spaces.create_space(admin, name=f"空空间 {admin.enterprise.name}")
    link = invitations.create_link(admin, space=space)
    selection = Selection.of(admin, ids=[factories.contact(admin).pk])
    personal, _number = invitations.invite_customers(admin, space=space, selection=selection)
    told = invitations.create_link(admin, space=space)
    form = {"company": "某公司", "name": "某人", "phone": "13700000000", "invitation": told}
    application = Application.objects.create(**form)
    share = shares.create_share(admin, kind="link", title="价目表", url="https://example.com/", space=space)
    written = {"text": "明天见", "audience": {"spaces": [space.pk]}}
    paper = SimpleUploadedFile("报价.pdf", b"%PDF-1.4")
    draft = messages.create_message(admin, title="通知", kind="file", file=paper, audience=written["audience"])
    sending = messages.send(admin, message=messages.create_message(admin, title="在途", **written))
    stopped = messages.create_message(admin, title="停下", **written)
    Message.objects.filter(pk=stopped.pk).update(state="stopped")
    chat = chats.create_chat(admin, space=space, name="公告群", owner=people["graded_in"], joins_space=True)
    chats.add(admin, chat=chat, members=[people["follower"]])
    return {
        "message": draft.pk,
        "sending_message": sending.pk,
        "stopped_message": stopped.pk,
        "chat": chat.pk,
        "chat_seat": chat.seats.get(member=people["follower"]).pk,
        "share": share.pk,
        "link": link.pk,
        "personal": personal.pk,
        "invitee": personal.invitees.get().pk,
        "application": application.pk,
        "space": space.pk,
        "empty_space": spare.pk,
        "subgroup": group.pk,
        "empty_subgroup": empty.pk,
        "partner": partner.pk,
        "other_partner": other.pk,
        "seat": seat.pk,
        "rule": rule.pk,
        "space_member": people["follower"].pk,
    }


def join_elsewhere(firm: Enterprise) -> dict[str, Any]:
    """A space of another enterprise that this one has joined, with something that is shared there."""
    host = factories.enterprise(f"{firm.name}的上游")
    with tenant(host.pk):
        admin = factories.super_admin(host)
        space = spaces.create_space(admin, name=f"空间 {host.name}")
        share = shares.create_share(admin, kind="link", title="价目表", url="https://example.com/", space=space)
        code = bridges.offer(admin, partner=partners.add_partner(admin, space=space, name=firm.name))[1]
    with tenant(firm.pk):
        joined = bridges.join(factories.super_admin(firm), code=code)
    return {"joined_space": joined.pk, "joined_share": share.pk}
