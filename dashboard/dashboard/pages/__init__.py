"""The pages; each module has one page, or the pages of one thing."""
