"""Features, learners, recipes and snapshots: pure computation."""
