"""Assets that runs find: their kinds, tolerant readers of documents, and an external sort."""
