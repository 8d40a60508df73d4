"""Packages of plugins: their manifest, bundling, finding and installing them."""
