"""Writes of this room.

* `runs`: asking for work: queue, cancel, retry, undo.
* `preferences`: what a member wants to be told, and how.
* `webhooks`: where an enterprise's events go.
"""

from jobs.services.preferences import choose
from jobs.services.runs import (
    can_undo,
    cancel,
    dispatch,
    enqueue,
    enqueue_scheduled,
    fetch,
    require_undoable,
    retry,
    store_input,
    undo,
)
from jobs.services.webhooks import (
    create_webhook,
    delete_webhook,
    redeliver,
    rotate_secret,
    rotating,
    test_webhook,
    update_webhook,
)

__all__ = [
    "can_undo",
    "cancel",
    "choose",
    "create_webhook",
    "delete_webhook",
    "dispatch",
    "enqueue",
    "enqueue_scheduled",
    "fetch",
    "redeliver",
    "require_undoable",
    "retry",
    "rotate_secret",
    "rotating",
    "store_input",
    "test_webhook",
    "undo",
    "update_webhook",
]
