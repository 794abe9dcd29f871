"""Transcripts: what was said and shown, recorded, saved without secrets, and restored up to any point."""
