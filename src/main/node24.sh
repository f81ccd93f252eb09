# Runs Node 24 with these arguments: the one before all others in the PATH (npm puts that of node_modules there) or, where that is older, one that npm
# keeps in its cache, for all folders. In the place of this shell, so that signals reach the server.
case $(node --version 2>&1) in
  v2[4-9].* | v[3-9]?.*) exec node "$@" ;;
esac
node=$(npx --yes --package=node@24 --call='command -v node') || exit
exec "$node" "$@"
