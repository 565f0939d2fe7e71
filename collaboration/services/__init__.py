"""Writes of collaboration, a package or module per noun."""
