#!/bin/sh
# Runs in the container `archive` as root: `pack VOLUME` writes a volume's files to stdout, `unpack VOLUME` puts what
# comes from stdin in their place, with their owners. A volume is left as it was unless the whole archive arrived.
set -eu

volume=${3:-/volumes}/$2
case $1 in
    pack) tar -cz -C "$volume" . ;;
    unpack)
        new=$volume/.restoring
        rm -rf "$new"
        mkdir "$new"
        tar -xz -C "$new"
        find "$volume" -mindepth 1 -maxdepth 1 ! -name .restoring -exec rm -rf {} +
        find "$new" -mindepth 1 -maxdepth 1 -exec mv {} "$volume" \;
        # On a new machine the volume itself was made by this container, for root.
        chown "$(stat -c %u:%g "$new")" "$volume"
        chmod "$(stat -c %a "$new")" "$volume"
        rmdir "$new"
        ;;
    *)
        echo "archive.sh knows pack and unpack, not $1." >&2
        exit 2
        ;;
esac
