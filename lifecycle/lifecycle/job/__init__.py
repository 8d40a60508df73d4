"""Rules about jobs: aliases of versions, status, manifests, and overviews of all jobs."""
