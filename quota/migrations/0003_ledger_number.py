"""Ledger entries get a number in the order of happening; an order number of a package is recorded once."""

from django.db import migrations, models

import quota.rules.restrictions

FILL = """
UPDATE quota_ledgerentry entry SET number = numbered.nth
FROM (SELECT enterprise_id, id, row_number() OVER (PARTITION BY enterprise_id ORDER BY at, id) AS nth
      FROM quota_ledgerentry) AS numbered
WHERE numbered.enterprise_id = entry.enterprise_id AND numbered.id = entry.id;

UPDATE quota_account account SET ledger_number = counted.entries
FROM (SELECT enterprise_id, count(*) AS entries FROM quota_ledgerentry GROUP BY enterprise_id) AS counted
WHERE counted.enterprise_id = account.enterprise_id;
"""


class Migration(migrations.Migration):
    dependencies = (("quota", "0002_wall"),)

    operations = (
        migrations.AlterModelOptions(
            name="ledgerentry",
            options={"base_manager_name": "objects", "ordering": ("-number",)},
        ),
        migrations.RemoveIndex(model_name="ledgerentry", name="ledger_time"),
        migrations.RemoveIndex(model_name="ledgerentry", name="ledger_contact"),
        migrations.AddField(
            model_name="account",
            name="ledger_number",
            field=models.BigIntegerField(default=0, help_text="The number of the newest ledger entry."),
        ),
        migrations.AddField(
            model_name="account",
            name="announced_state",
            field=models.CharField(
                choices=quota.rules.restrictions.State.choices,
                default="below",
                help_text="The state that the admins were last told of; decides nothing.",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="number",
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(fields=["enterprise_id", "at", "number"], include=("served_after",), name="ledger_time"),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(fields=["enterprise_id", "contact_id", "number"], name="ledger_contact"),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(fields=("enterprise_id", "number"), name="ledger_number_once"),
        ),
        migrations.AddConstraint(
            model_name="package",
            constraint=models.UniqueConstraint(
                condition=models.Q(("order_no", ""), _negated=True),
                fields=("enterprise_id", "order_no"),
                name="package_order_once",
            ),
        ),
    )
