"""Upstream and downstream: spaces, subgroups, partners, visibility, invitations, messages, shares."""
