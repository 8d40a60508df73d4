"""Errors that callers cause, and how commands and services log."""
