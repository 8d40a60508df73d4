"""Errors that jobs raise to choose a status, and how jobs log."""
