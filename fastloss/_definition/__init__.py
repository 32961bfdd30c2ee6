"""The definition of a loss. Nothing here imports the rest of the package."""
