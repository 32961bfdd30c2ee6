"""fastloss in other libraries: a file for each, which needs that library and fastloss's public names."""
