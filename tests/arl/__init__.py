"""A fake ARL: its documents, its scheduler second by second, and its REST API with the quirks it has."""
