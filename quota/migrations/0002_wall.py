"""The tables go behind the wall."""

from datetime import date
from typing import Any

from django.db import migrations

from common.postgres.operations import TenantTable

# What WeCom asks a year, as far as it is known (reference price 0.1 CNY a contact); operators edit the table.
PRICES = (
    (5_000, 500),
    (10_000, 1_000),
    (20_000, 2_000),
    (50_000, 5_000),
    (100_000, 10_000),
    (200_000, 20_000),
)


def add_prices(apps: Any, schema_editor: Any) -> None:
    """The price table that a new installation starts with."""
    price = apps.get_model("quota", "TierPrice")
    price.objects.using(schema_editor.connection.alias).bulk_create(
        price(tier=tier, price=yearly, effective_from=date(2010, 1, 1)) for tier, yearly in PRICES
    )


class Migration(migrations.Migration):
    dependencies = (
        ("quota", "0001_initial"),
        ("enterprises", "0002_wall"),
    )

    operations = (
        migrations.RunPython(add_prices, migrations.RunPython.noop),
        TenantTable("Account"),
        TenantTable("Package"),
        TenantTable("LedgerEntry"),
    )
