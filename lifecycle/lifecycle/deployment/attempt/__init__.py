"""One attempt of a worker to carry a deployment on: what it may write, knows and says when it fails."""
