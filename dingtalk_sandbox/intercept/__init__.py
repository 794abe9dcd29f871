"""Answer DingTalk's own host names over TLS, for clients whose hosts cannot be changed."""
