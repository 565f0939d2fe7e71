from django.apps import AppConfig


class QuotaConfig(AppConfig):
    name = "quota"

    def ready(self) -> None:
        from enterprises.signals import enterprise_changed
        from quota.services import refresh_account

        enterprise_changed.connect(
            lambda enterprise, **_kwargs: refresh_account(enterprise),
            weak=False,
            dispatch_uid="quota.account",
        )
