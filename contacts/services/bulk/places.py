"""Archive and restore: what takes and gives back places (C5, Q10, Q14)."""

from contacts.rules import Kind
from contacts.services.bulk.batch import DONE, Batch
from quota import services as quota
from quota.rules import Action as Restricted

CANNOT_ARCHIVE = "CASE contact.status WHEN 'archived' THEN 'already_archived' WHEN 'lost' THEN 'lost' ELSE '' END"
CANNOT_RESTORE = "CASE contact.status WHEN 'active' THEN 'already_active' WHEN 'lost' THEN 'lost' ELSE '' END"

# Every change of who is served has a ledger row (Q14). So a contact is as the undone job left it when the status is
# the one it gave and no change of places came after it.
_AS_LEFT = """(SELECT entry.job_id FROM quota_ledgerentry AS entry
    WHERE entry.enterprise_id = contact.enterprise_id AND entry.contact_id = contact.id
    ORDER BY entry.number DESC LIMIT 1) IS NOT DISTINCT FROM %(undoes)s"""
CANNOT_UNARCHIVE = f"CASE WHEN contact.status = 'archived' AND {_AS_LEFT} THEN '' ELSE 'changed_since' END"
CANNOT_UNRESTORE = f"CASE WHEN contact.status = 'active' AND {_AS_LEFT} THEN '' ELSE 'changed_since' END"


def archive(batch: Batch) -> None:
    """Give the places of the batch back."""
    count = _set_status(batch, "status = 'archived', archived_at = %(now)s")
    if not count:
        return
    reason = quota.Reason.UNDONE if batch.undoes else quota.Reason.ARCHIVED
    batch.note(Kind.ARCHIVED)
    batch.record("contacts.archived", count, str(reason.label), status="archived")
    quota.give_back(count, claims=batch.claims)
    batch.write_ledger(count, reason=reason, delta=-1)


def restore(batch: Batch) -> None:
    """Take places: for the whole batch or not at all, or for as many as fit (Q10); of the owners' teams too (Q12).

    All or nothing is the default; the batch is then the whole selection. Raises QuotaExceeded, BudgetExceeded.
    """
    wanted = batch.count_done()
    if not wanted:
        return
    partial = batch.options.get("on_full") == "partial"
    if partial:
        _keep_what_fits(batch, wanted)
    else:
        # A polite early answer, before much is written; the reservation below decides.
        quota.check(batch.actor, Restricted.RESTORE_CONTACT, places=wanted)
    count = _set_status(batch, "status = 'active', archived_at = NULL, waiting_since = NULL")
    if not count:
        return
    reason = quota.Reason.UNDONE if batch.undoes else quota.Reason.RESTORED
    batch.note(Kind.RESTORED)
    batch.record("contacts.restored", count, str(reason.label), status="active")
    if not partial:
        quota.reserve(batch.actor, count, claims=batch.claims)
    batch.write_ledger(count, reason=reason, delta=+1)


def _keep_what_fits(batch: Batch, wanted: int) -> None:
    """Reserve as many places as there are; the rest of the batch is refused, each with its reason."""
    granted = quota.reserve_up_to(batch.actor, wanted, claimants=batch.claimants)
    batch.refuse(granted.refused)


def _set_status(batch: Batch, change: str) -> int:
    return batch.execute(
        f"""
        UPDATE contacts_contact AS contact SET {change}, version = contact.version + 1
        FROM contacts_bulkitem AS item
        WHERE {DONE} AND contact.enterprise_id = item.enterprise_id AND contact.id = item.contact_id
        """
    )
