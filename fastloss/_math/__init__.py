"""What the elementary functions of `fastloss.math` are made of."""
