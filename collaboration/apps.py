from django.apps import AppConfig


class CollaborationConfig(AppConfig):
    name = "collaboration"

    def ready(self) -> None:
        from collaboration.models import Transfer  # models exist only now
        from collaboration.services import grants, merging
        from collaboration.services.transfers import saved
        from contacts.services import merge_rows as merges
        from contacts.services.bulk.removal import BELONGINGS
        from enterprises import audit
        from enterprises.signals import member_resigned

        audit.guard("transfer", lambda actor: Transfer.objects.visible_to(actor))
        BELONGINGS[:0] = ["collaboration_transferitem", "collaboration_duplicate", "collaboration_invitation"]
        merges.BELONGINGS.extend(
            (
                merges.Belonging("contacts_grant"),
                merges.Belonging("collaboration_invitation"),
                merges.Belonging(
                    "collaboration_transferitem",
                    "twin.transfer_id = belonging.transfer_id OR (twin.member_id = belonging.member_id"
                    " AND twin.state = 'waiting' AND belonging.state = 'waiting')",  # open once (O8)
                ),
                merges.Belonging("collaboration_duplicate", "true"),  # the radar keeps one for each contact
            )
        )
        merges.CHOOSERS.append(merging.united)
        member_resigned.connect(saved.on_resigned, dispatch_uid="collaboration.inherit")
        member_resigned.connect(grants.resigned, dispatch_uid="collaboration.end_grants")
