# shellcheck shell=bash
# restore and restore --drill. First everything is checked, then the backup is unpacked beside what serves, which goes on
# serving; only then servers stop, for the exchange. exchange.sh says how an end in the middle is put right.
# shellcheck source=common.sh
. observability/lib/common.sh

restore_usage() { die "Usage: $self restore FOLDER [--keys FILE] [--yes]
       $self restore --drill FOLDER [--keys FILE]"; }

restore() {
    local folder='' keys='' sure='' drill=''
    while (($# > 0)); do
        case $1 in
            --keys)
                keys=${2:?"--keys needs the file that backup made"}
                shift
                ;;
            --yes) sure=yes ;;
            --drill) drill=yes ;;
            -*) restore_usage ;;
            *)
                [[ -z $folder ]] || restore_usage
                folder=${1%/}
                ;;
        esac
        shift
    done
    [[ -n $folder ]] || restore_usage
    check_backup "$folder" "$keys"
    need_engine
    recover
    if [[ -n $drill ]]; then
        drill "$folder" "$keys"
        return 0
    fi
    [[ $sure == yes ]] || ask "This replaces the members, plants, photos and dashboards by those of $folder." restore

    restore_stamp=$(date -u +%Y%m%dT%H%M%SZ)
    restore_running=$(if [[ -n $(running api) ]]; then echo yes; else echo no; fi)
    make_ready "$keys"
    check_dump "$folder/postgres.dump"
    check_room api "$folder/photos.tar.gz"
    check_room grafana "$folder/grafana.tar.gz"

    trap 'restore_ends $?' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    prepare "$folder" "$keys"
    exchange
    say "Starting with the backup's data"
    finish_restore
    trap - EXIT INT TERM HUP
    if [[ -e $secrets.before-$restore_stamp ]]; then say "The keys before are in $secrets.before-$restore_stamp"; fi
    addresses
}

# Postgres and an image, which a new machine does not have yet.
make_ready() {
    check_machine
    if [[ -n $1 && ! -e $secrets/encryption_key ]] && has_database; then
        say "The present keys are missing; those of $1 take their place"
        umask 077
        mkdir -p "$secrets"
        unpack_keys "$1" "$secrets"
    fi
    prepare_files
    if [[ -z $(image_id local) ]]; then
        build
        adopt
    fi
    if [[ -z $(running postgres) ]]; then
        start_postgres
        set_password
        set_up
    fi
}

# prepare FOLDER KEYS: all beside; nothing that serves is touched.
prepare() {
    local from=$secrets
    journal preparing
    if [[ -n $2 ]]; then
        say "Keys"
        umask 077
        rm -rf "$secrets.restoring"
        cp -a "$secrets" "$secrets.restoring"
        unpack_keys "$2" "$secrets.restoring"
        from=$secrets.restoring
    fi
    say "Postgres"
    fill_spare "$1/postgres.dump" "$from"
    try_spare
    say "Photos"
    archive unpack api <"$1/photos.tar.gz" || die "The photos could not be unpacked."
    say "Grafana"
    archive unpack grafana <"$1/grafana.tar.gz" || die "Grafana's data could not be unpacked."
    # The same keys need no exchange.
    if [[ -n $2 ]] && diff -rq "$secrets" "$secrets.restoring" >/dev/null; then rm -rf "$secrets.restoring"; fi
}

# unpack_keys FILE FOLDER: all but what is this server's own: the passwords of Postgres's roles, and the key of labels.
unpack_keys() {
    local new file
    new=$(mktemp -d observability/secrets.spare.XXXXXX)
    tar -xf "$1" --no-same-owner -C "$new" || die "$1 cannot be read."
    for file in "$new"/*; do
        [[ -f $file && ! -L $file ]] || continue
        case ${file##*/} in
            postgres_* | plant_* | database_url | label_key) ;;
            *) install -m 0600 "$file" "$2/" ;;
        esac
    done
    rm -rf "$new"
}

# However it ends: what it began is undone, and what it stopped runs again.
restore_ends() {
    local code=$1
    trap - EXIT
    trap '' INT TERM HUP
    read_journal
    if [[ -n $restore_phase && $restore_phase != "done" ]]; then
        say "The restore failed; the old data and keys are put back"
        attempt undo_restore
        if ((attempted == 0)) && [[ $restore_phase != preparing ]]; then attempt serve_again; fi
        if ((attempted != 0)); then
            warn "Not all is put back yet: once the reason above is gone, $self start does it."
        elif [[ $restore_running == yes ]]; then
            warn "The old data and keys serve as before."
        else
            warn "The old data and keys are as before."
        fi
    elif [[ $restore_phase == "done" ]]; then
        warn "The backup's data and keys serve. What was before is not removed yet: $self start does it."
    fi
    exit "$((code == 0 ? 1 : code))"
}

# drill FOLDER KEYS: proves that a backup can be restored, beside the stack, which is not touched.
drill() {
    local from=$secrets
    [[ -n $(running postgres) ]] || die "A drill needs a Postgres that runs: $self start starts it."
    [[ -n $(image_id local) ]] || die "A drill needs the API's image: $self start builds it."
    export_sums
    check_dump "$1/postgres.dump"
    restore_stamp=$(date -u +%Y%m%dT%H%M%SZ) restore_running=yes
    trap 'drill_ends $?' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    journal preparing
    if [[ -n $2 ]]; then
        umask 077
        from=$secrets.restoring
        rm -rf "$from"
        cp -a "$secrets" "$from"
        unpack_keys "$2" "$from"
    fi
    say "Restoring the database beside the present one"
    fill_spare "$1/postgres.dump" "$from"
    try_spare
    say "Rows in the backup"
    count_rows
    say "Files in the backup"
    count_files "$1"
}

count_rows() {
    in_database "$spare" <<'END' | awk -F '|' '{ printf "  %-32s %10s\n", $1 (($1 == "users") ? " (members)" : ""), $2 }'
SELECT table_name, (xpath('/row/n/text()', query_to_xml(
    format('SELECT count(*) AS n FROM public.%I', table_name), false, true, '')))[1]
FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name;
END
}

count_files() {
    local part
    for part in photos grafana; do
        tar -tzvf "$1/$part.tar.gz" | awk -v part="$part" '
            /^-/ { files++; bytes += $3 }
            END { printf "  %-32s %10d files, %d bytes\n", part, files, bytes }'
    done
}

drill_ends() {
    local code=$1
    trap - EXIT
    trap '' INT TERM HUP
    attempt undo_restore
    ((attempted == 0)) || die "The drill's database could not be removed: $self start does it."
    if ((code == 0)); then
        say "The backup can be restored. Everything of the drill is removed again"
    else
        warn "The drill failed: this backup was not restored. Everything of the drill is removed again."
    fi
    exit "$code"
}
