"""Whether a page answers, for health checks: `answers URL [TEXT]` ends with 0 if it does, and has the text in it."""

import sys
import urllib.request

SECONDS = 8


def main(url: str, text: str = "") -> int:
    """0 where a GET of `url` is answered with success and `text` is in the answer, 1 else; no proxy is asked."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=SECONDS) as answer:
            return int(text.encode() not in answer.read())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
