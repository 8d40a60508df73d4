"""Fakes and builders for the tests of all components."""
