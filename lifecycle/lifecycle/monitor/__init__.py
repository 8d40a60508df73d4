"""Ports through which Lifecycle watches jobs, and how their health is asked for."""
