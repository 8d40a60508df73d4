"""The target `kubernetes`: each replica of a job is a Deployment with a Service; Racetrack recognises them by their labels."""
