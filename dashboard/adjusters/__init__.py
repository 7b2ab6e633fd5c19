"""Corrections of a trace, one a file; standard.py has the order."""
