#!/bin/sh
# Follows the changes of contacts and prints one line for each. Needs curl and jq.
#
#   MIRROR_URL=http://127.0.0.1:3000 MIRROR_KEY=… PROJECT_ID=my-project sh follow-changes.sh [token file]
#
# The token file is written after each page that was handled, so a consumer that is stopped continues where it was. It may then
# see its last page again: handle changes idempotently, by event_id.
set -eu

feed="$MIRROR_URL/v1/projects/$PROJECT_ID/contacts:changes"
token_file=${1:-feed-token}

# Ends the program on an error; curl repeats what is answered 429 or 503.
ask() {
  curl -sSf --retry 8 -H "Authorization: Bearer $MIRROR_KEY" -G "$feed" "$@"
}

# Without a token: start at the end. A consumer that keeps a copy lists all contacts after this.
if [ ! -s "$token_file" ]; then
  page=$(ask --data-urlencode page_token=latest)
  printf '%s' "$page" | jq -r .next_page_token >"$token_file"
fi

while :; do
  page=$(ask --data-urlencode "page_token=$(cat "$token_file")" --data page_size=200 --data wait=20)

  # Handle the changes; here, print them.
  printf '%s' "$page" | jq -r '.changes[] | [.event_id, .type, .contact_id, .survivor_id // ""] | join(" ")'

  # Then save the token, whole or not at all.
  printf '%s' "$page" | jq -r .next_page_token >"$token_file.new"
  mv "$token_file.new" "$token_file"
done
