"""`racetrack auth` and `racetrack user`: tokens, permissions and people."""
