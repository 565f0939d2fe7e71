"""Hand-over of contacts and group chats from one member to others (O6, O7, O8).

* `orders`: what console, API and rules call: order, preview, try again, cancel.
* `plans`: who gets what. `choosing`: which contacts; `previews`. `work`: the job that starts them batch by batch.
* `settling`: what makes a hand-over take effect, and when; the seam to WeCom. `saved`: plans that run by themselves.
"""

from collaboration.services.transfers.orders import cancel, order, preview, try_again
from collaboration.services.transfers.plans import Part, Plan
from collaboration.services.transfers.previews import Preview, Share
from collaboration.services.transfers.saved import delete_rule, save_rule
from collaboration.services.transfers.settling import Result, report_results, settle_due

__all__ = [
    "Part",
    "Plan",
    "Preview",
    "Result",
    "Share",
    "cancel",
    "delete_rule",
    "order",
    "preview",
    "report_results",
    "save_rule",
    "settle_due",
    "try_again",
]
