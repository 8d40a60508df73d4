"""The page of one job, with a tab for each thing that people do with it."""
