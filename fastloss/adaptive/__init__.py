"""Losses whose threshold follows the errors."""
