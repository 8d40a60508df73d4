"""Routes that PUB answers itself: those of async calls."""
