"""Commands about the service itself: who may do what in it, and what it costs."""
