"""What runs find: the kinds of assets, and sorting more of them than memory holds."""
