"""Small things that the client, the services and plugins share."""
