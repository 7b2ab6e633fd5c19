"""OTLP: protobuf and JSON bodies."""
