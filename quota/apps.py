from django.apps import AppConfig


class QuotaConfig(AppConfig):
    name = "quota"

    def ready(self) -> None:
        from enterprises.signals import enterprise_changed, people_moved
        from quota.services import follow_people, refresh_account

        enterprise_changed.connect(
            lambda enterprise, **_kwargs: refresh_account(enterprise),
            weak=False,
            dispatch_uid="quota.account",
        )
        people_moved.connect(
            lambda members, before, after, **_kwargs: follow_people(members, before=before, after=after),
            weak=False,
            dispatch_uid="quota.budgets",
        )
