"""Writes, a module per noun: contacts, history, groups, tags, bulk, grading, silence, imports, exports."""
