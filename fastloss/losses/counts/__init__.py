"""Losses of counts, rates, times and relative errors."""
