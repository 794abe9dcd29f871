"""Uploads to a run: assets and files."""
