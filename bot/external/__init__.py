"""Runs that other systems execute and report: their models, how reports merge, and their repositories."""
