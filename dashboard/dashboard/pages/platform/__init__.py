"""The pages of the platform itself: plugins, administration, documentation, records."""
