"""Draw a template for one viewer: a tree of plain nodes for the page, and the controls to press."""
