"""Infrastructure targets, where jobs run: a folder for each built-in one; plugins bring others."""
