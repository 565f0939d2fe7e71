"""Contacts: the addresses of the list, of one contact, of what can be done with it, and of tags."""

from django.urls import path

from console import contact_actions as actions
from console import merges, tag_rules, tags
from console.contact_list import ContactList
from console.contact_page import ContactPage
from console.contact_search import ContactSearch

urlpatterns = [
    path("contacts/", ContactList.as_view(), name="contacts"),
    path("contacts/search/", ContactSearch.as_view(), name="contact-search"),
    *merges.urlpatterns,
    path("contacts/add/", actions.ContactAdd.as_view(), name="contact-add"),
    path("contacts/<uuid:pk>/", ContactPage.as_view(), name="contact"),
    path("contacts/<uuid:pk>/edit/", actions.ContactEdit.as_view(), name="contact-edit"),
    path("contacts/<uuid:pk>/owner/", actions.ContactOwner.as_view(), name="contact-owner"),
    path("contacts/<uuid:pk>/grade/", actions.ContactGrade.as_view(), name="contact-grade"),
    path("contacts/<uuid:pk>/tags/", actions.ContactTags.as_view(), name="contact-tags"),
    path("contacts/<uuid:pk>/interaction/", actions.ContactInteraction.as_view(), name="contact-interaction"),
    path("contacts/<uuid:pk>/purchase/", actions.ContactPurchase.as_view(), name="contact-purchase"),
    path("contacts/<uuid:pk>/archive/", actions.ContactArchive.as_view(), name="contact-archive"),
    path("contacts/<uuid:pk>/restore/", actions.ContactRestore.as_view(), name="contact-restore"),
    path("contacts/<uuid:pk>/follow/", actions.ContactFollow.as_view(), name="contact-follow"),
    path("contacts/<uuid:pk>/unfollow/<uuid:member_id>/", actions.ContactUnfollow.as_view(), name="contact-unfollow"),
    path("contacts/<uuid:pk>/<slug:tab>/", ContactPage.as_view(), name="contact-tab"),
    *tag_rules.urlpatterns,  # before tags/<kind>/<id>
    *tags.urlpatterns,
]
