#!/usr/bin/env bash
# Writes behind the tag of each image of others, in compose.yaml, the Dockerfile and the manifest of Envoy, the digest that its registry has for it now: from
# then on the same bytes are started and built from, whatever becomes of the tag. Needs Docker with buildx, and the registries. What has a digest keeps it;
# where a tag is changed, take the digest away with it.
set -euo pipefail
cd "$(dirname "$0")"
files=(compose.yaml Dockerfile kubernetes/envoy/deployment.yaml)

for image in $(sed -nE 's/^ *(image:|FROM) ([a-z0-9./-]+:[A-Za-z0-9._-]+)( AS .*)?$/\2/p' "${files[@]}" | sort -u); do
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image")
  if [[ ! $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
    echo "$image: no digest but '$digest'" >&2
    exit 1
  fi
  sed -i -E "s#^( *(image:|FROM) $image)( AS .*)?\$#\1@$digest\3#" "${files[@]}"
  echo "$image@$digest"
done
