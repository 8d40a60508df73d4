"""Streams of changes and logs, for other services and for readers."""
