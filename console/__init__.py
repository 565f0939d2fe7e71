"""The operators' console: server-rendered pages over all rooms."""
