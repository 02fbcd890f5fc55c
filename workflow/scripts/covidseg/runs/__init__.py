"""What a run used, and what it costs."""
