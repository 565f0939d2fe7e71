"""External contacts: follows, groups, interactions, purchases, grades, import and export."""
