"""Routes of lists, and their pages."""
