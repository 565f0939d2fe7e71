from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "contacts"

    def ready(self) -> None:
        from contacts.models import Contact, GroupChat  # models exist only now
        from enterprises import audit

        audit.guard("contact", lambda actor: Contact.objects.visible_to(actor))
        audit.guard("groupchat", lambda actor: GroupChat.objects.visible_to(actor))
