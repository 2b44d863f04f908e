"""Where mail comes from: files, mailboxes, packed folders and the mail archive format."""
