"""Questions about traces: where the time went, what failed, what repeats."""
