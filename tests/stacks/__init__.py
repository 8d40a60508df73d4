"""Whole platforms for tests: real services and the real CLI, with ports and data apart from the developer's."""
