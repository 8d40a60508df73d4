"""Pages in Chromium: those of jobs, and the dashboard."""
