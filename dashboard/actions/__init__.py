"""Writes with the events they cause; nothing else writes or announces."""
