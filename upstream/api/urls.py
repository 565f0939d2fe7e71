"""The routes of upstream under /api/v1/."""

from upstream.api import access, bridges, capacity, chats, files, joining, messages, partners, shares, spaces

urlpatterns = [
    *spaces.urlpatterns,
    *capacity.urlpatterns,
    *partners.urlpatterns,
    *access.urlpatterns,
    *joining.urlpatterns,
    *chats.urlpatterns,
    *files.urlpatterns,
    *shares.urlpatterns,
    *bridges.urlpatterns,
    *messages.urlpatterns,
]
