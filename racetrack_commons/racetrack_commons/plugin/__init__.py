"""Plugins: their hooks, packages on disk, loading and calling."""
