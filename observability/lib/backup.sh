# shellcheck shell=bash
# backup, and what makes a folder a backup.
# shellcheck source=common.sh
. observability/lib/common.sh

backup_parts=(key postgres.dump photos.tar.gz grafana.tar.gz)

archive() { one_off archive "$@"; }

# backup [FOLDER] [--keep N]
backup() {
    local folder='' keys keep=''
    while (($# > 0)); do
        case $1 in
            --keep)
                keep=${2:-}
                [[ $keep =~ ^[1-9][0-9]{0,3}$ ]] || die "--keep needs how many backups to keep, at least 1."
                shift
                ;;
            -*) die "Usage: $self backup [FOLDER] [--keep N]" ;;
            *) folder=${1%/} ;;
        esac
        shift
    done
    folder=${folder:-observability/backups/$(date -u +%Y%m%dT%H%M%SZ)}
    keys=observability/backup-keys/${folder##*/}.tar
    need_engine
    [[ ! -e $journal_file ]] || die "A restore was interrupted: $self start puts an end to it; then back up."
    [[ -n $(running postgres) ]] || die "Postgres does not run, so there is no database to ask. $self start starts it."
    [[ ! -e $folder && ! -e $keys ]] || die "$folder or $keys is there already."
    umask 077
    rm -rf "$folder.partial"
    mkdir -p "$folder.partial" "${keys%/*}"
    grafana_was_stopped=''
    # Expanded now: at the exit this function is over.
    # shellcheck disable=SC2064
    trap "$(printf 'backup_ends %q %q' "$folder.partial" "$keys.partial")" EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    # First the database, then the photos that it names: of those there may be more, but none is missing.
    say "Postgres"
    compose exec -T postgres pg_dump --username=postgres --format=custom --dbname="$database" \
        >"$folder.partial/postgres.dump" </dev/null || die "The database could not be dumped."
    say "Photos"
    archive pack api >"$folder.partial/photos.tar.gz" </dev/null || die "The photos could not be read."
    grafana_was_stopped=$(running grafana)
    if [[ -n $grafana_was_stopped ]]; then
        say "Grafana, which stops for a moment: its database is a file"
        docker stop --time "$(grace "$grafana_was_stopped")" "$grafana_was_stopped" >/dev/null
    fi
    archive pack grafana >"$folder.partial/grafana.tar.gz" </dev/null || die "Grafana's data could not be read."
    start_grafana_again

    key_fingerprint "$secrets/encryption_key" >"$folder.partial/key"
    (cd "$folder.partial" && sha256sum "${backup_parts[@]}" >SHA256SUMS)
    tar -cf "$keys.partial" -C "$secrets" .
    sync "$keys.partial" "$folder.partial"/*
    mv "$keys.partial" "$keys"
    mv -T "$folder.partial" "$folder"
    trap - EXIT INT TERM HUP
    printf '\n  Backup  %s\n  Keys    %s   keep them somewhere else: who has both can read everything\n\n' \
        "$folder" "$keys"
    if [[ -n $keep ]]; then remove_old_backups "$keep"; fi
}

# Not by compose, which would start what it depends on as well.
start_grafana_again() {
    if [[ -n $grafana_was_stopped ]]; then docker start "$grafana_was_stopped" >/dev/null; fi
    grafana_was_stopped=''
}

backup_ends() {
    trap '' INT TERM HUP
    rm -rf "$@"
    start_grafana_again
}

# Only those that this script named, and their keys; the newest stay.
remove_old_backups() {
    local folder
    while IFS= read -r folder; do
        say "Removing the old backup $folder"
        rm -rf "observability/backups/$folder" "observability/backup-keys/$folder.tar"
    done < <(find observability/backups -mindepth 1 -maxdepth 1 -type d -printf '%f\n' \
        | grep -xE '[0-9]{8}T[0-9]{6}Z' | sort -r | tail -n "+$(($1 + 1))")
}

# check_backup FOLDER KEYS: all that can be checked without the engine. KEYS is empty for the present ones.
check_backup() {
    local part
    [[ -e $1/SHA256SUMS ]] || die "$1 is no backup: SHA256SUMS is missing."
    for part in "${backup_parts[@]}"; do
        [[ -f $1/$part ]] || die "$1 is damaged: $part is missing."
        grep -q "^[0-9a-f]\{64\}  $part\$" "$1/SHA256SUMS" || die "$1 is damaged: SHA256SUMS has no sum of $part."
    done
    (cd "$1" && sha256sum --check --strict --quiet SHA256SUMS) || die "$1 is damaged: a sum does not fit."
    for part in photos grafana; do
        tar -tzf "$1/$part.tar.gz" >/dev/null || die "$1 is damaged: $part.tar.gz cannot be read."
    done
    if [[ -z $2 ]]; then
        [[ -e $secrets/encryption_key ]] || die "$secrets/encryption_key is missing: restore with --keys."
        [[ $(key_fingerprint "$secrets/encryption_key") == "$(<"$1/key")" ]] \
            || die "This backup was made under another encryption key: restore with --keys."
    else
        [[ -f $2 ]] || die "$2 is missing."
        check_keys "$2" "$1/key"
    fi
}

# check_keys FILE FINGERPRINT-FILE
check_keys() {
    local name
    for name in encryption_key secret_key; do
        [[ $(tar -xOf "$1" "./$name" 2>/dev/null | base64 -d 2>/dev/null | wc -c) == 32 ]] \
            || die "$1 holds no $name: it is not a file of backup-keys, or damaged."
    done
    [[ $(tar -xOf "$1" ./encryption_key | sha256sum | cut -c1-16) == "$(<"$2")" ]] \
        || die "$1 holds the keys of another backup."
}
