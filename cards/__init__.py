"""How things look: the words are in `templates/`, pure rendering is here. No clock; no I/O once loaded."""
