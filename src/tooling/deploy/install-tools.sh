#!/usr/bin/env bash
# Installs into the folder named first the tools that deploy/ is checked with, from the Go module proxy and PyPI. What is there already stays.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
export GOBIN=$folder GOFLAGS=-mod=mod

has() { [ -x "$folder/$1" ]; }

has kubeconform || go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
has helm || go install helm.sh/helm/v4/cmd/helm@v4.3.1
has kustomize || go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.2

# Loads compose files as Docker does: it is the library that Docker Compose is made with.
if ! has compose-go; then
  go install github.com/compose-spec/compose-go/v2/cmd@v2.16.2
  mv "$folder/cmd" "$folder/compose-go"
fi

# `go install` refuses a module with replacements; as a dependency of an empty module it can be built. The longest part: some minutes.
if ! has promtool; then
  (
    cd "$(mktemp -d)"
    go mod init promtool >/dev/null 2>&1
    go get github.com/prometheus/prometheus/cmd/promtool@v0.313.0
    go build -o "$folder/promtool" github.com/prometheus/prometheus/cmd/promtool
  )
fi

if [ ! -f "$folder/scaledobjects.yaml" ]; then
  (
    cd "$(mktemp -d)"
    go mod init keda >/dev/null 2>&1
    module=$(go mod download -json github.com/kedacore/keda/v2@v2.20.2 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    cp "$module/config/crd/bases/keda.sh_scaledobjects.yaml" "$folder/scaledobjects.yaml"
    chmod u+w "$folder/scaledobjects.yaml"
  )
fi

# The schemas of Kubernetes and of CycloneDX.
if [ ! -d "$folder"/python/lib/python*/site-packages/cyclonedx ]; then
  python3 -m venv "$folder/python"
  "$folder/python/bin/pip" install --quiet kubernetes-validate==1.37.0 'cyclonedx-python-lib[json-validation]==11.12.0'
fi
