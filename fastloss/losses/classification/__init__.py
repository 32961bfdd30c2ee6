"""Losses of classes and probabilities."""
