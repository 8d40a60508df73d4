"""The way of a call from its caller to the job and back."""
