"""The model: what a trace is. Knows no Django, no network and no backend."""
