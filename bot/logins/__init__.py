"""Logins to the web pages: one-time links, and the sessions that they open."""
