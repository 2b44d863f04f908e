"""Estimators and sequential tests that survive selective review and repeated looks."""
