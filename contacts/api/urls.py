"""The routes of this room."""

from contacts.api import bulk, contacts, files, groups, tags

# Bulk first: "bulk" is no contact's id.
urlpatterns = [
    *bulk.urlpatterns,
    *contacts.urlpatterns,
    *files.urlpatterns,
    *groups.urlpatterns,
    *tags.urlpatterns,
]
