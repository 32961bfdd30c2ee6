"""Losses of the error: absolute, squared, and those with a dead zone."""
