"""The console's addresses: everything of an enterprise under /e/<code>/."""

from django.urls import include, path

from console import (
    account,
    budgets,
    bulk,
    calendar,
    cleanup,
    contact_views,
    contacts,
    follow_ups,
    groups,
    home,
    imports,
    jobs,
    joining,
    losses,
    people,
    persons,
    platform_number,
    quota,
    quota_forecast,
    quota_plan,
    radar,
    rehearsal,
    settings,
    space_joining,
    spaces,
    team_board,
    transfers,
    workbench,
)

pages = [
    path("", home.Home.as_view(), name="home"),
    *budgets.urlpatterns,
    *bulk.urlpatterns,
    *cleanup.urlpatterns,
    *follow_ups.urlpatterns,  # before the contacts' tabs
    *contact_views.urlpatterns,
    *persons.urlpatterns,  # before the contacts' tabs
    *contacts.urlpatterns,
    *groups.urlpatterns,
    *imports.urlpatterns,
    *jobs.urlpatterns,
    *losses.urlpatterns,
    *people.urlpatterns,
    *quota.urlpatterns,
    *platform_number.urlpatterns,
    *rehearsal.urlpatterns,
    *quota_forecast.urlpatterns,
    *quota_plan.urlpatterns,
    *settings.urlpatterns,
    *spaces.urlpatterns,
    *radar.urlpatterns,
    *team_board.urlpatterns,
    *transfers.urlpatterns,
]

urlpatterns = [
    path("", home.start, name="start"),
    path("enterprises/", home.choose, name="enterprises"),
    path("account/", account.account, name="account"),
    path("language/", account.language, name="language"),
    path("theme/", account.theme, name="theme"),
    *joining.urlpatterns,
    *space_joining.urlpatterns,
    *workbench.urlpatterns,
    *calendar.urlpatterns,
    path("e/<slug:code>/", include(pages)),
]
