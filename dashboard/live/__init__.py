"""Push: what is announced, and who hears it."""
