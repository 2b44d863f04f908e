"""How much of one message is read, so that no message, however made, costs more than a moment."""

MAX_MESSAGE_BYTES = 25 * 2**20
MAX_HEADER_BYTES = 256 * 2**10
MAX_HEADER_VALUE_BYTES = 16 * 2**10
MAX_TEXT_BYTES = 4 * 2**20  # of all text parts of a message, encoded
MAX_MARKUP = 512 * 2**10  # characters of one HTML text
MAX_PARTS = 500
MAX_DELIMITERS = 10_000  # looked at in one multipart
MAX_DEPTH = 20
MAX_TEXT = 200_000  # characters kept of a body
MAX_SUBJECT = 2_000  # characters kept of a subject
MAX_LINE_BYTES = 64 * 2**20  # of a mail archive
MAX_NESTING = 3  # containers within containers: a mailbox in a folder in an archive
