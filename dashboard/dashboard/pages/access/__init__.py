"""The pages of people, programs, and what they may do."""
