"""Random calls of losses, as nobody would write them, and what each must end in."""
