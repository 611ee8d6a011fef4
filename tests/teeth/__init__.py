"""Bugs planted on purpose, one at a time, to see that each is caught: `make teeth`."""
