"""The pages that show all jobs from one side: their worth, their history, their callers."""
