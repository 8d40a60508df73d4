"""Async calls: accepted at once and answered later. Lifecycle stores them; the gateway that holds the lease runs them."""
