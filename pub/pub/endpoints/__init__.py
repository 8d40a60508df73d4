"""What PUB answers itself."""
