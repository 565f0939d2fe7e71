"""What is shared counts as opened by a partner's enterprise as well, by its connection (U11)."""

import django.db.models.deletion
from django.db import migrations, models

import common.tenancy
from common.postgres.operations import TenantForeignKeys

# The caller opened what is shared with it in a space that it joined; `joined_space` says what that is.
OPENED = """
CREATE FUNCTION joined_share_opened(wanted uuid, opened uuid, moment timestamptz) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH counted AS (
        INSERT INTO public.upstream_shareopen AS o (id, enterprise_id, share_id, bridge_id, times, first_at, last_at)
        SELECT public.uuid7(), j.host_id, opened, j.bridge, 1, moment, moment
        FROM public.upstream_joinedspace j
        WHERE j.enterprise_id = current_setting('app.enterprise_id')::uuid AND j.id = wanted
          AND (SELECT jsonb_array_length(found.shares) FROM public.joined_space(wanted, '', opened) AS found) = 1
        ON CONFLICT (enterprise_id, share_id, bridge_id) DO UPDATE SET times = o.times + 1, last_at = moment
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM counted)
$$;
REVOKE ALL ON FUNCTION joined_share_opened(uuid, uuid, timestamptz) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("upstream", "0008_message_withdrawn"),
    ]

    operations = [
        migrations.AddField(
            model_name="shareopen",
            name="bridge",
            field=common.tenancy.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="upstream.bridge",
            ),
        ),
        migrations.AlterField(
            model_name="shareopen",
            name="person",
            field=common.tenancy.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="upstream.person",
            ),
        ),
        migrations.AddConstraint(
            model_name="shareopen",
            constraint=models.UniqueConstraint(
                fields=("enterprise_id", "share", "bridge"), name="share_open_by_bridge"
            ),
        ),
        migrations.AddConstraint(
            model_name="shareopen",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("bridge__isnull", False), ("person", None)),
                    models.Q(("bridge", None), ("person__isnull", False)),
                    _connector="OR",
                ),
                name="share_open_of_one",
            ),
        ),
        TenantForeignKeys("ShareOpen", ("bridge",)),
        migrations.RunSQL(OPENED, "DROP FUNCTION joined_share_opened(uuid, uuid, timestamptz)"),
    ]
