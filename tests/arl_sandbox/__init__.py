"""Tests of the fake ARL, and the fixture that runs DingRun's engine against it."""
