from django.apps import AppConfig


class UpstreamConfig(AppConfig):
    name = "upstream"

    def ready(self) -> None:
        from contacts import spaces
        from contacts.services import groups
        from contacts.services import merge_rows as merges
        from contacts.services.bulk.removal import BELONGINGS
        from enterprises import audit
        from upstream.models import Bridge, Invitation, Message, Partner, PartnerContact, Space, SpaceChat
        from upstream.queries.chats import refuse_partner
        from upstream.queries.lists import customer_seats

        spaces.register(customer_seats)
        audit.guard("space", lambda actor: Space.objects.visible_to(actor))
        audit.guard("partner", lambda actor: Partner.objects.visible_to(actor))
        seen = lambda actor: Bridge.objects.filter(partner__in=Partner.objects.visible_to(actor).values("id"))  # noqa: E731
        audit.guard("bridge", seen)
        audit.guard("partnercontact", lambda actor: PartnerContact.objects.visible_to(actor))
        audit.guard("message", lambda actor: Message.objects.visible_to(actor))
        audit.guard("invitation", lambda actor: Invitation.objects.visible_to(actor))
        audit.guard("spacechat", lambda actor: SpaceChat.objects.visible_to(actor))
        groups.others.append(refuse_partner)
        BELONGINGS.extend(("upstream_customerlink", "upstream_invitee"))
        merges.BELONGINGS.extend(
            (
                merges.Belonging("upstream_customerlink", "true"),  # a customer is one person of the spaces
                merges.Belonging("upstream_invitee", "twin.invitation_id = belonging.invitation_id"),
            )
        )
