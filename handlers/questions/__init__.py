"""Commands that answer a question about a run or a schedule."""
