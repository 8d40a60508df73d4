"""The steps of a deployment: build, provision (side by side or in place), switch, finish."""
