"""The error that jobs raise about their callers."""
