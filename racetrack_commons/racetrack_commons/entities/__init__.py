"""Values that services exchange, and typed clients of their APIs."""
