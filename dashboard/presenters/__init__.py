"""Plain data for pages, made from what is stored."""
