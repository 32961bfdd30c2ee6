"""Losses over columns of files and tables, block by block, of groups too: `fastloss.evaluate`, and what eval runs."""
