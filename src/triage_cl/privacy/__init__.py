"""Keys, pseudonyms and redaction."""
