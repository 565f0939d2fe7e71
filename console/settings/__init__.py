"""Settings: the enterprise, its policy, roles, API tokens, the audit trail; a module per page."""

from console.settings import alerts, audit, enterprise, policy, roles, tokens

urlpatterns = [
    *enterprise.urlpatterns,
    *policy.urlpatterns,
    *roles.urlpatterns,
    *tokens.urlpatterns,
    *alerts.urlpatterns,
    *audit.urlpatterns,
]
