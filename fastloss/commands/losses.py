"""List the losses that fastloss ships."""

from fastloss.losses import table


def run() -> int:
    """Print them as a Markdown table."""
    print(table())
    return 0
