"""Mail of a plausible organisation, for the demo and for tests."""
