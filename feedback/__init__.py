"""Where department staff answer: the review screen, its guidelines and its commands."""
