"""The routes of this room."""

from contacts.api import (
    bulk,
    cleanups,
    contacts,
    files,
    follow_ups,
    groups,
    losses,
    merges,
    persons,
    plan,
    platform,
    restrictions,
    seats,
    tag_merges,
    tag_rules,
    tags,
    views,
)

# Bulk first: "bulk" is no contact's id.
urlpatterns = [
    *bulk.urlpatterns,
    *cleanups.urlpatterns,
    *merges.urlpatterns,  # "merge-suggestions" is no contact's id
    *contacts.urlpatterns,
    *views.urlpatterns,
    *files.urlpatterns,
    *follow_ups.urlpatterns,
    *groups.urlpatterns,
    *losses.urlpatterns,
    *persons.urlpatterns,
    *tag_merges.urlpatterns,
    *tag_rules.urlpatterns,
    *plan.urlpatterns,
    *platform.urlpatterns,
    *restrictions.urlpatterns,
    *seats.urlpatterns,
    *tags.urlpatterns,
]
