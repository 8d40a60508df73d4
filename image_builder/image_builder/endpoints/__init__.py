"""HTTP routes of the Image Builder."""
