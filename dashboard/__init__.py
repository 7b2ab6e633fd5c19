"""The Spanboard application: traces in, answers out."""
