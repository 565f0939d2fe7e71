from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "contacts"

    def ready(self) -> None:
        from contacts.models import Contact, GroupChat  # models exist only now
        from contacts.services import merge_rows, objections
        from enterprises import audit

        audit.guard("contact", lambda actor: Contact.objects.visible_to(actor))
        audit.guard("groupchat", lambda actor: GroupChat.objects.visible_to(actor))
        merge_rows.CHOOSERS.append(objections.united)
