#!/usr/bin/env bash
# The README's tour: a conversation with everything in it, from the command line. Needs a server (npm start).
#
#     docs/examples/tour.sh [host:port]
set -euo pipefail
cd "$(dirname "$0")/../.."
address=${1:-127.0.0.1:50051}
samples=src/testing/samples
export XDG_STATE_HOME=${XDG_STATE_HOME:-$(mktemp -d)}

parley() { npm run -s parley -- "$@" --address "$address" --client alice; }

# step COMMAND…: shows what is run, then runs it.
step() {
  printf '\n$ parley %s\n' "$*"
  parley "$@"
}

# talk LINE…: one visit; the same client goes on in the same conversation at its next one.
talk() {
  printf '\n$ parley chat\n'
  printf '> %s\n' "$@"
  printf '%s\n' "$@" | parley chat
}

talk 'Hello, I am Alice.' "/voice $samples/voice.mp3" "/image $samples/picture.png What is this?" "/video $samples/clip.mp4"
talk 'Tell me everything about the sea.' '/stop'
talk 'Where were we?'
step history
conversation=$(parley history | grep -oE '[0-9a-f]{8}-[0-9a-f-]{27}' | head -n 1)
step history "$conversation"
step search 'where'
step rename "$conversation" 'A trip to the sea'
step delete "$conversation" --yes
step history
