"""The console's pages: each a router, what it shows, and the words in which it is told."""
