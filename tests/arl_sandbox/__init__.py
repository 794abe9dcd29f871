"""The fake ARL as tests use it: with a clock that they turn, and DingRun's engine beside it."""
