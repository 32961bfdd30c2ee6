"""Losses of the error that weigh its two signs differently."""
