"""The API through which other systems report their runs, and start and stop runs."""
