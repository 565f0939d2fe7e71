"""Upstream and downstream: spaces, partners and their people, who sees whom."""

from console.spaces import access, bridges, chats, guide, imports, invitations, messages, partners, shares, spaces

urlpatterns = [
    *guide.urlpatterns,
    *spaces.urlpatterns,
    *partners.urlpatterns,
    *access.urlpatterns,
    *chats.urlpatterns,
    *invitations.urlpatterns,
    *imports.urlpatterns,
    *shares.urlpatterns,
    *bridges.urlpatterns,
    *messages.urlpatterns,
]
