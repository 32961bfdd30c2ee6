"""Random calls of losses, valid and hostile ones, and how each of them must end."""
