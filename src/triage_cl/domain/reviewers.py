"""What is expected of reviewers."""

#: The error rate on double reviews that is nobody's fault: honest people differ, and some mail is hard.
TOLERANCE = 0.1
