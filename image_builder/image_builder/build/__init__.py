"""A build: from a request to an image, what it says meanwhile, and how it ends."""
