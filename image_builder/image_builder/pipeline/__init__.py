"""From a request to images: the builds of this service, and each build step by step."""
