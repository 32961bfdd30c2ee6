"""Where columns come from: a small module for each kind of source."""
