"""Telling other services, while it happens, what changed."""
