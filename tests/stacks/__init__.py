"""Whole platforms for tests: real services, real CLI, ports and data apart from the developer's."""
