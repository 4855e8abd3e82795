#!/bin/sh
# Runs in the container `archive` as root, on a volume's folder:
#   pack VOLUME       writes its files to stdout
#   unpack VOLUME     puts what comes from stdin beside them, with their owners, and touches none of them
#   exchange VOLUME   puts what is beside in their place, and them beside
#   undo VOLUME       as it was before unpack, also when exchange or undo was killed in the middle
#   forget VOLUME     removes what is beside
#   room VOLUME       how many KiB are free there
#   secrets VOLUME    unpacks files for the API's user
set -eu

volume=${3:-/volumes}/$2
new=$volume/.restoring
old=$volume/.before
# Is there while what lies in the volume itself is the new.
mark=$volume/.exchanged

# each FROM TO: moves all files of a folder but our own. Not by find, which does not tell that a move failed.
each() {
    for path in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        case $path in */.restoring | */.before | */.exchanged) continue ;; esac
        if [ -e "$path" ] || [ -L "$path" ]; then mv "$path" "$2"; fi
    done
}

# like FOLDER OTHER: the owner and the mode of the other.
like() {
    chown "$(stat -c %u:%g "$2")" "$1"
    chmod "$(stat -c %a "$2")" "$1"
}

case $1 in
    pack)
        # BusyBox's tar may not know how to leave something out.
        for left in "$new" "$old" "$mark"; do
            if [ -e "$left" ]; then
                echo "$left was left by a restore: setup-observability.sh start puts an end to it." >&2
                exit 1
            fi
        done
        tar -cz -C "$volume" .
        ;;
    unpack)
        rm -rf "$new"
        mkdir "$new"
        tar -xz -C "$new"
        sync
        ;;
    exchange)
        # Complete before it has its name: its owner is what the volume gets back.
        mkdir -p "$new/.before"
        like "$new/.before" "$volume"
        mv "$new/.before" "$old"
        each "$volume" "$old"
        : >"$mark"
        each "$new" "$volume"
        like "$volume" "$new"
        rmdir "$new"
        sync
        ;;
    undo)
        if [ -e "$mark" ]; then
            mkdir -p "$new"
            each "$volume" "$new"
            rm "$mark"
        fi
        if [ -e "$old" ]; then
            each "$old" "$volume"
            like "$volume" "$old"
            rmdir "$old"
        fi
        rm -rf "$new"
        sync
        ;;
    forget) rm -rf "$mark" "$old" "$new" ;;
    room) df -Pk "$volume" | awk 'NR == 2 { print $4 }' ;;
    secrets)
        rm -rf "${volume:?}"/*
        tar -x -o -C "$volume"
        chmod 0400 "$volume"/*
        chown -R 10001:10001 "$volume"
        ;;
    *)
        echo "archive.sh knows pack, unpack, exchange, undo, forget, room and secrets, not $1." >&2
        exit 2
        ;;
esac
