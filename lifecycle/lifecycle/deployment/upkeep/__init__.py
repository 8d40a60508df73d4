"""Upkeep after deployments: drained instances are stopped, old rows are forgotten."""
