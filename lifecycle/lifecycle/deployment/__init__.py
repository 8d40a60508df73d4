"""Deployments, from the request until the job serves; also redeployments, moves, rollbacks and deletions."""
