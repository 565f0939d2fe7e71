"""Who works on a contact with whom: collaborators, central policy, hand-over, duplicate radar, team board."""
