"""Plugin packages: their manifest and how a directory becomes one."""
