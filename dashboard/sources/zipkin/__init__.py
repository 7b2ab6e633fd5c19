"""Zipkin v2 JSON."""
