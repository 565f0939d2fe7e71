"""The jobs of data protection."""

from django.utils.translation import gettext_lazy as _

from contacts.services import persons
from jobs import registry

registry.job(
    persons.EXPORT_OF_ONE,
    label=_("Export everything about a person"),
    permission="contacts.export",
    guard=persons.may_fetch,
)(persons.write_export)
registry.job(persons.ERASE_JOB, label=_("Erase a person"), permission="contacts.delete")(persons.erase)
