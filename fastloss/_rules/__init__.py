"""What a call means, on any processor: its arguments checked, their order, the plan; every message."""
