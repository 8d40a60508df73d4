"""Calls that are accepted now and answered later: kept in Lifecycle's database, run by whichever gateway holds their lease."""
