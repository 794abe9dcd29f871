"""Understand what people say: pure functions over a table of words. Nothing here acts."""
