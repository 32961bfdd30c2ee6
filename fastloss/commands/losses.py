"""List the losses that fastloss ships, or draw them."""

from fastloss.commands import plotting
from fastloss.losses import grouped, table


def run(plot: str | None, force: bool) -> int:
    """Print the losses as Markdown tables, or draw them if there is a file to draw to."""
    if plot is None:
        print(table())
        return 0
    plotting("plot").check(plot, [], force)
    plotting("plot_losses").draw(plot, grouped())
    print(f"drawn to {plot}")
    return 0
