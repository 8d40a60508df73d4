"""Repositories: the questions that the registry asks its tables. They take and give DTOs."""
