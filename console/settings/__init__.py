"""Settings: the enterprise, its policy, roles, API tokens, the audit trail; a module per page."""

from console.settings import alerts, audit, enterprise, mails, policy, roles, tokens

urlpatterns = [
    *enterprise.urlpatterns,
    *policy.urlpatterns,
    *roles.urlpatterns,
    *tokens.urlpatterns,
    *alerts.urlpatterns,
    *mails.urlpatterns,
    *audit.urlpatterns,
]
