"""Parts of a scene."""
