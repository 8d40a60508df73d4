"""One attempt of a worker to carry a deployment on: its claim, its knowledge, its secrets, its errors."""
