"""Reads of what is stored."""
