"""Finds who loses the trace context, from spans alone; knows neither Django nor pages."""
