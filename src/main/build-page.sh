# Builds the web client before a start, unless it is newer than all that it is made of. Where its tools were left out of the installation, that of before is served.
page=gateway/web/dist/index.html
[ -x node_modules/.bin/vite ] || exit 0
[ -f $page ] && [ -z "$(find gateway/web src/client src/domain package-lock.json -path 'gateway/web/dist*' -prune -o -type f -newer $page -print)" ] && exit 0
exec npm run --silent web
