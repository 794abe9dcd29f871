"""The section `api` of the settings."""
