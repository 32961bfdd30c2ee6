"""What a loss is. Nothing here knows the rest of the package."""
