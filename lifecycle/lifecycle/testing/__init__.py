"""Fakes, databases and contract tests that the tests of Lifecycle and of its Supervisor share."""
