"""What callers ask for: each request is checked, stored in rows, and left to the workers."""
