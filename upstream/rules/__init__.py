"""The domain's decisions, pure: names, and who sees whom."""
