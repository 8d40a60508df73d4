"""Connections to jobs."""
