"""Repositories: the queries on the tables, by subject. Only the unit of work imports them."""
