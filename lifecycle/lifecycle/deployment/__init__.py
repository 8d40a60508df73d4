"""Use cases of deployments: submit, build, provision, switch, finish; delete, redeploy, move."""
