"""One module per verb; each takes what it uses as arguments."""
