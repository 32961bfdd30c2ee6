"""The commands of the command line: one module each, imported when it is run."""


class CommandError(Exception):
    """What stops a command, in one line for its user."""
