"""Recipes of the documents: each block of code is executed as it is, but for addresses, keys and folders."""
