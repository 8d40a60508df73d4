"""Ports through which Lifecycle watches jobs, and the prober of their health."""
