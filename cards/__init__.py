"""Rendering of cards, messages and answers. Pure: no clock, and no I/O once the templates are loaded."""
