#!/bin/sh
# Builds the GraphiQL page and packs it into dist.tar, which the server embeds. Needs Node 20.19 or newer.
set -eu
cd "$(dirname "$0")"
npm ci
npm run build
