"""The pages of deployments: the list, one deployment, and the form that begins one."""
