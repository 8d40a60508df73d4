"""Infrastructure targets: where jobs run. One folder for each built-in one; plugins bring others."""
