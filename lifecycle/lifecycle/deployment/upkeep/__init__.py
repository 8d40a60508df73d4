"""Upkeep behind deployments: instances that have drained are stopped, old rows are forgotten."""
