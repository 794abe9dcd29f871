"""Messages from people to robots: what is said, how it reaches a bot, and what a bot may do with it."""
