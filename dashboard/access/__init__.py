"""Who asks, and what they may do: people, tokens, the local user."""
