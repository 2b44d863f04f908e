"""What data scientists and leads look at: Evidently workspace and reports."""
