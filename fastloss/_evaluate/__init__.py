"""Losses over columns of files and tables, block by block: `fastloss.evaluate`, and what the command runs."""
