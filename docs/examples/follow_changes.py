"""Follows the changes of contacts and prints one line for each. Needs nothing but Python 3.8 or newer.

    MIRROR_URL=http://127.0.0.1:3000 MIRROR_KEY=... PROJECT_ID=my-project python3 follow_changes.py [token file]

The token file is written after each page that was handled, so a consumer that is stopped continues where it was. It may then
see its last page again: handle changes idempotently, by event_id.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

FEED = f"{os.environ['MIRROR_URL']}/v1/projects/{urllib.parse.quote(os.environ['PROJECT_ID'], safe='')}/contacts:changes"
HEADERS = {"Authorization": f"Bearer {os.environ['MIRROR_KEY']}"}
TOKEN_FILE = sys.argv[1] if len(sys.argv) > 1 else "feed-token"


def ask(**parameters):
    """One page. Repeats what is answered 429 or 503; every other error ends the program."""
    request = urllib.request.Request(f"{FEED}?{urllib.parse.urlencode(parameters)}", headers=HEADERS)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503):
                sys.exit(f"{error.code} {error.read().decode()}")
            time.sleep(int(error.headers.get("Retry-After", "1")))


def saved_token():
    try:
        with open(TOKEN_FILE, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def save(token):
    """Whole or not at all."""
    with open(f"{TOKEN_FILE}.new", "w", encoding="utf-8") as file:
        file.write(token)
    os.replace(f"{TOKEN_FILE}.new", TOKEN_FILE)


def handle(change):
    print(change["event_id"], change["type"], change["contact_id"], change.get("survivor_id", ""), flush=True)


def main():
    token = saved_token()
    if token is None:
        # Start at the end. A consumer that keeps a copy lists all contacts after this.
        token = ask(page_token="latest")["next_page_token"]
        save(token)
    while True:
        page = ask(page_token=token, page_size=200, wait=20)
        for change in page["changes"]:
            handle(change)
        token = page["next_page_token"]
        save(token)


if __name__ == "__main__":
    main()
