"""The parts that pages are made of; none knows what a page is about."""
