"""Long and scheduled work: runs with progress, cancel and resume; notifications."""
