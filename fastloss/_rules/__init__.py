"""The rules of a call, the same on every device: checks and their messages, order of elements, plan."""
