"""The audit: an entry for each request of a person, written once and never changed."""
