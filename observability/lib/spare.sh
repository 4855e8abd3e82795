# shellcheck shell=bash
# A spare database beside the one that serves, filled from a backup and tried with the image and the backup's keys.
# shellcheck source=common.sh
. observability/lib/common.sh

spare_secrets=(--volume "$spare_volume:/spare" -e DATABASE_URL_FILE=/spare/database_url
    -e SECRET_KEY_FILE=/spare/secret_key -e ENCRYPTION_KEY_FILE=/spare/encryption_key)

free_in_postgres() { compose exec -T postgres df -Pk /var/lib/postgresql/data </dev/null | awk 'NR == 2 { print $4 }'; }

# check_dump FILE: reads all of it, for a dump that is cut off has a good beginning; and whether there is room for it
# beside the present database: its rows, as much again for indexes, and as much for the log of both.
check_dump() {
    local bytes needed free
    bytes=$(compose exec -T postgres pg_restore --file=- <"$1" | wc -c) || die "$1 is damaged: pg_restore cannot read it."
    needed=$((bytes * 3 / 1024 + 65536))
    free=$(free_in_postgres)
    [[ $free =~ ^[0-9]+$ ]] || die "How much room Postgres has could not be asked."
    ((free >= needed)) || die "Postgres has $((free / 1024)) MiB of room, and this backup needs $((needed / 1024)) beside the present data."
}

# check_room VOLUME ARCHIVE
check_room() {
    local bytes needed free
    bytes=$(gzip -dc "$2" | wc -c)
    needed=$((bytes / 1024 + 16384))
    free=$(archive room "$1" </dev/null)
    [[ $free =~ ^[0-9]+$ ]] || die "How much room the volume of $1 has could not be asked."
    ((free >= needed)) || die "The volume of $1 has $((free / 1024)) MiB of room, and this backup needs $((needed / 1024)) beside the present data."
}

# fill_spare DUMP FOLDER-OF-SECRETS
fill_spare() {
    in_postgres <<'END' || die "A spare database could not be made."
SET client_min_messages = warning;
DROP DATABASE IF EXISTS :"spare" WITH (FORCE);
CREATE DATABASE :"spare" TEMPLATE template0;
END
    compose exec -T postgres pg_restore --username=postgres --dbname="$spare" --exit-on-error --single-transaction <"$1" \
        || die "The dump could not be restored: pg_restore's reason is above."
    # Who owns a database and who may connect is not in a dump.
    set_up "$spare"
    pack_secrets "$2" | one_off --volume "$spare_volume:/volumes/spare" archive secrets spare \
        || die "The backup's keys could not be handed to the image."
}

# As the API's user gets them, with the address of the spare database.
pack_secrets() {
    local folder
    folder=$(mktemp -d observability/secrets.spare.XXXXXX)
    cp "$1"/{secret_key,encryption_key} "$folder"
    database_url "$spare" >"$folder/database_url"
    tar -cf - -C "$folder" database_url secret_key encryption_key
    rm -rf "$folder"
}

# on_spare COMMAND...: of the image that serves.
on_spare() { one_off "${spare_secrets[@]}" migrate "$@" </dev/null; }

# Brought to this program's schema, and every row that is encrypted opened with the keys: what could fail at the start
# fails here, beside.
try_spare() {
    say "Trying it with the image and the keys"
    on_spare migrate up || die "The image cannot serve this backup: its reason is above."
    on_spare database check || die "The backup cannot be read with these keys: the reason is above."
}

forget_spare() {
    docker volume rm --force "$spare_volume" >/dev/null
    rm -rf observability/secrets.spare.*
}
