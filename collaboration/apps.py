from django.apps import AppConfig


class CollaborationConfig(AppConfig):
    name = "collaboration"

    def ready(self) -> None:
        from collaboration.models import Transfer  # models exist only now
        from collaboration.services import grants
        from collaboration.services.transfers import saved
        from contacts.services.bulk.removal import BELONGINGS
        from enterprises import audit
        from enterprises.signals import member_resigned

        audit.guard("transfer", lambda actor: Transfer.objects.visible_to(actor))
        BELONGINGS[:0] = ["collaboration_transferitem", "collaboration_duplicate", "collaboration_invitation"]
        member_resigned.connect(saved.on_resigned, dispatch_uid="collaboration.inherit")
        member_resigned.connect(grants.resigned, dispatch_uid="collaboration.end_grants")
