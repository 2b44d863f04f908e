"""The whole stack under one supervisor."""
