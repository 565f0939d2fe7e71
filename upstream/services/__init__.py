"""What changes spaces and what is in them: a module per noun.

Locks are taken in one order: series → account → spaces, by id → partners, by id; counters as late as possible.
"""
