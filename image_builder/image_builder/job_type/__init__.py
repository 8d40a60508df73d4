"""Job types: the catalog that builds choose from, and the rendering of their templates."""
