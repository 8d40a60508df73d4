"""Errors about callers."""
