"""What rooms above must follow in the same transaction. The only signals of the product.

A lower room cannot call a higher one; where a change here must change something there at once, it announces it.
"""

from django.dispatch import Signal

# Sent with `enterprise` inside its tenant scope: it was created, verified, or its policy changed.
enterprise_changed = Signal()

# Sent with `actor` and `member` inside the tenant scope: the member was marked as resigned just now.
member_resigned = Signal()

# Sent inside a tenant scope after members went from below one department to below another: with `members` (a queryset:
# who counts them does so under a lock of its own, because others may be moving in and out at the same moment), `before`
# and `after` (ids of the departments, or None). Moving a department moves everybody in its subtree.
people_moved = Signal()
