"""Jaeger: its JSON and its two query APIs."""
