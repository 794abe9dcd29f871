"""Run a schedule again: all of it, what failed, or a part that is chosen on a card."""
