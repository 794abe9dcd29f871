"""The HTTP server: health, metrics, the status page and downloads."""
