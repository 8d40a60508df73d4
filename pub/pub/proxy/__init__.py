"""The way of a call from the caller to the job and back."""
