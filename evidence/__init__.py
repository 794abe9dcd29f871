"""Try what DingRun promises, and judge it from outside: nothing here imports the service or the sandbox."""
