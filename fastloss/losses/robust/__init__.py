"""Losses of the error that count large errors less."""
