"""Loading purchases: facts about known contacts; money decides the grade at once (C9)."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.ids import uuid7
from common.sql import row as one_row
from contacts.files.reasons import Reason
from contacts.files.rows import PurchaseRow
from contacts.rules import Right
from contacts.services.grading import regrade
from contacts.services.imports.staging import Loaded, Loader


@dataclass
class PurchaseLoader(Loader[PurchaseRow]):
    """Rows of purchases. The order number, and whether it is a refund, is the identity; amounts may be corrected."""

    COLUMNS = """external_userid text, new_id uuid, order_no text, paid_at timestamptz, amount numeric(12, 2),
        known boolean DEFAULT false"""

    def key(self, row: PurchaseRow) -> tuple[str, bool]:
        return row.order_no, row.amount < 0

    def load(self, batch: Sequence[tuple[int, PurchaseRow]]) -> Loaded:
        self.copy(
            "line, external_userid, new_id, order_no, paid_at, amount",
            ((line, row.external_userid, uuid7(), row.order_no, row.paid_at, row.amount) for line, row in batch),
        )
        self.match_contacts([row.external_userid for _line, row in batch])
        self.refuse_unknown_contacts()
        self.refuse(Right.PURCHASE, column="external_userid")
        orders = [row.order_no for _line, row in batch]
        self._match_orders(orders)
        self._write(orders)
        news = self.news(
            at="staged.paid_at",
            customer="true",
            sign_of_life="(CASE WHEN amount < 0 THEN 'refund' ELSE 'purchase' END) = ANY (%(kinds)s)",
        )
        regrade(self.touched(), self.now, news=news)
        found = one_row(
            """
            SELECT count(*) FILTER (WHERE NOT known AND changed), count(*) FILTER (WHERE known AND changed),
                   count(*) FILTER (WHERE NOT changed)
            FROM staged WHERE refusal IS NULL
            """
        )
        assert found is not None
        created, updated, unchanged = found
        return Loaded(created, updated, unchanged, self.refused())

    def _match_orders(self, orders: list[str]) -> None:
        self.sql(
            """
            UPDATE staged
            SET known = true, refusal = CASE WHEN purchase.contact_id <> staged.contact_id THEN %(other)s END,
                refused_column = CASE WHEN purchase.contact_id <> staged.contact_id THEN 'order_no' END
            FROM contacts_purchase AS purchase
            WHERE purchase.enterprise_id = %(enterprise)s AND purchase.order_no = staged.order_no
              AND purchase.order_no = ANY (%(orders)s)
              AND purchase.refund = (staged.amount < 0) AND staged.refusal IS NULL
            """,
            orders=orders,
            other=Reason.ORDER_OF_ANOTHER_CONTACT.value,
        )

    def _write(self, orders: list[str]) -> None:
        self.sql(
            """
            WITH made AS (
                INSERT INTO contacts_purchase (id, enterprise_id, contact_id, order_no, paid_at, amount)
                SELECT new_id, %(enterprise)s, contact_id, order_no, paid_at, amount
                FROM staged WHERE refusal IS NULL AND NOT known
                ON CONFLICT (enterprise_id, order_no, refund) DO NOTHING
                RETURNING id)
            UPDATE staged SET changed = true FROM made WHERE staged.new_id = made.id
            """
        )
        self.sql(
            """
            WITH made AS (
                UPDATE contacts_purchase AS purchase SET amount = staged.amount, paid_at = staged.paid_at
                FROM staged
                WHERE purchase.enterprise_id = %(enterprise)s AND purchase.order_no = staged.order_no
                  AND purchase.order_no = ANY (%(orders)s)
                  AND purchase.refund = (staged.amount < 0) AND staged.refusal IS NULL AND staged.known
                  AND (purchase.amount, purchase.paid_at) IS DISTINCT FROM (staged.amount, staged.paid_at)
                RETURNING staged.new_id)
            UPDATE staged SET changed = true FROM made WHERE staged.new_id = made.new_id
            """,
            orders=orders,
        )
