"""Adapters for other libraries: a module for each, above that library and the public names of fastloss."""
