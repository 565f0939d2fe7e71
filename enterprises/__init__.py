"""Enterprises and their people: members, departments, roles, tokens, policy, audit."""
