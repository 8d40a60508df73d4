"""Control groups of Linux: where they may be made, what they hold processes to, and how processes get into them."""
