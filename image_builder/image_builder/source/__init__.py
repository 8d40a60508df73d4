"""The source of a job: an archive that the client sent, or a git repository; and its requirements."""
