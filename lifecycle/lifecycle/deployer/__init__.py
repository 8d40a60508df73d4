"""Ports through which Lifecycle runs jobs on infrastructure targets."""
