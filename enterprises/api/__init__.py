"""REST: log-in and the caller; the enterprise and its people; a module per noun."""

from enterprises.api import audit, departments, enterprise, files, members, roles, session, tokens

urlpatterns = [
    *session.urlpatterns,
    *enterprise.urlpatterns,
    *files.urlpatterns,  # before the routes with an id
    *departments.urlpatterns,
    *members.urlpatterns,
    *roles.urlpatterns,
    *tokens.urlpatterns,
    *audit.urlpatterns,
]
