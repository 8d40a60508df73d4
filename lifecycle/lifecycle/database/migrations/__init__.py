"""Migrations: the changes of the tables in their order, and how they are applied."""
