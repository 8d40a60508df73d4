"""Rows of any table as records: named values that JSON can hold."""
