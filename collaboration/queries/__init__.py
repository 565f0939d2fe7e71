"""Reads of collaboration, a module per noun."""
