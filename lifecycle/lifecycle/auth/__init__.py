"""Authentication of callers, and decisions about their requests."""
