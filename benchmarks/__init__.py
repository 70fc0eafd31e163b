"""Comparisons that a person runs and reads; never part of the test run. Begin with `README.md`."""
