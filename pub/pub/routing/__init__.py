"""Routing: which route a call takes, and whether its caller may call; Lifecycle decides, and its decisions are cached."""
