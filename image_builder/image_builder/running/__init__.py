"""Running the programs of a build, and reporting what the build does."""
