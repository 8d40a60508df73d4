"""Fakes and builders for tests of the Image Builder."""
