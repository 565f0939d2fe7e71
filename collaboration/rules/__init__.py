"""The decisions of collaboration, a module per noun: pure, time is an argument."""
