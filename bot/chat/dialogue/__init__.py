"""Read a message with the names and lists that are known at the moment."""
