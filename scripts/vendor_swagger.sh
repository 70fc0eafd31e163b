#!/bin/sh
# Copies Swagger UI from its npm package into the source tree: scripts/vendor_swagger.sh [VERSION]
# With the version that is already there, it only proves that the files are the published ones.
set -eu

cd "$(dirname "$0")/.."
folder=src/textmill/service/swagger
vendored=$(sed -n 's/^Version: //p' "$folder/NOTICE" 2>/dev/null || true)
version=${1:-$vendored}
[ -n "$version" ] || {
    echo "textmill: which version? Use: scripts/vendor_swagger.sh 5.35.0" >&2
    exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# npm checks the archive against the integrity that the registry states.
npm pack --silent --pack-destination "$work" "swagger-ui-dist@$version" >/dev/null
tar -xzf "$work"/swagger-ui-dist-*.tgz -C "$work"
# The names are fixed and hold no spaces, hence no quotes below. Source maps stay out: they are as large again.
files="swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css favicon-32x32.png LICENSE"
sums=$(cd "$work/package" && sha256sum $files)

if [ "$version" = "$vendored" ]; then
    stated=$(sed -n '/^[0-9a-f]\{64\}  /p' "$folder/NOTICE")
    if [ "$sums" != "$stated" ] || [ "$(cd "$folder" && sha256sum $files)" != "$stated" ]; then
        echo "textmill: $folder differs from what its NOTICE or swagger-ui-dist $version says." >&2
        exit 1
    fi
    echo "textmill: $folder holds the files of swagger-ui-dist $version, byte for byte." >&2
    exit 0
fi

for name in $files; do
    cp "$work/package/$name" "$folder/$name"
done
cat >"$folder/NOTICE" <<NOTICE
$(cat "$work/package/NOTICE")

Package: swagger-ui-dist (npm)
Version: $version
Licence: Apache-2.0 (LICENSE); of what the bundle contains: swagger-ui-bundle.js.LICENSE.txt

The files below are the package's own, byte for byte, with their sha256. page.html and page.js are textmill's.

$sums

Check or update with: scripts/vendor_swagger.sh [VERSION]
NOTICE
echo "textmill: vendored swagger-ui-dist $version; read its changes before you commit." >&2
