#!/usr/bin/env bash
# Starts and looks after the whole stack of compose.yaml: start | stop | restart | status | logs [service] | clean |
# backup [folder] | restore folder [--keys file] [--yes]. `make up` and `make down` call it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

project=plant-care
image=plant-care:local
database=plant_care_db
secrets=observability/secrets
settings=observability/.env
ports=(5432 8000 12345 3100 3200 9009 3000 4317 4318)
minimum_disk_gib=${MINIMUM_DISK_GIB:-10}
minimum_memory_gib=${MINIMUM_MEMORY_GIB:-6}
patience_seconds=${PATIENCE_SECONDS:-300}

say() { printf '==> %s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# ---------- the engine ----------

need_engine() {
    command -v docker >/dev/null 2>&1 \
        || die "Docker is missing: install Docker Engine with the compose plugin, then run this again."
    docker compose version >/dev/null 2>&1 \
        || die "Docker's compose plugin is missing: install docker-compose-plugin, then run this again."
    docker info >/dev/null 2>&1 \
        || die "Docker's engine does not answer: start it, or let this user reach it, then run this again."
}

# The folder of the host's journal, if there is one with files in it.
journal_folder() {
    local folder
    for folder in ${JOURNAL_FOLDERS:-/var/log/journal /run/log/journal}; do
        if compgen -G "$folder/*/*.journal" >/dev/null; then
            printf '%s\n' "$folder"
            return 0
        fi
    done
    return 1
}

compose() {
    local arguments=(--project-name "$project" --file compose.yaml)
    if JOURNAL=$(journal_folder); then
        JOURNAL_GID=$(stat -c %g "$JOURNAL")
        export JOURNAL JOURNAL_GID
        arguments+=(--file compose.journal.yaml)
    fi
    # Not the .env of `make run`: that is another server's.
    if [[ -e $settings ]]; then arguments+=(--env-file "$settings"); else arguments+=(--env-file /dev/null); fi
    docker compose "${arguments[@]}" "$@"
}

is_running() { [[ -n $(compose ps --quiet 2>/dev/null) ]]; }

# ---------- what must be so before a start ----------

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

check_ports() {
    local port taken=()
    for port in "${ports[@]}"; do
        if port_is_taken "$port"; then taken+=("$port"); fi
    done
    ((${#taken[@]} == 0)) \
        || die "Ports of 127.0.0.1 that the stack needs are taken: ${taken[*]}. ss -ltnp names what listens there."
}

check_disk() {
    local folder free
    for folder in . "$(docker info --format '{{.DockerRootDir}}')"; do
        # The engine's folder can be on another machine, or not to be looked at.
        [[ -n $folder && -e $folder ]] || continue
        free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1048576) }')
        ((free >= minimum_disk_gib)) \
            || die "$free GiB of disk are free in $folder, and $minimum_disk_gib are needed (MINIMUM_DISK_GIB)."
    done
}

check_memory() {
    local bytes gib
    bytes=$(docker info --format '{{.MemTotal}}')
    gib=$((bytes / 1073741824))
    # A machine sold as having 8 GiB has 7.
    ((gib >= minimum_memory_gib)) \
        || die "The engine has $gib GiB of memory, and $minimum_memory_gib are needed (MINIMUM_MEMORY_GIB)."
}

# ---------- secrets ----------

random_hex() { od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
random_key() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }

# secret NAME VALUE: keeps it if it is there. Nothing is ever half written.
secret() {
    [[ ! -e $secrets/$1 ]] || return 0
    printf '%s' "$2" >"$secrets/$1.new"
    mv "$secrets/$1.new" "$secrets/$1"
}

make_secrets() {
    umask 077
    if [[ ! -e $secrets/encryption_key ]] && docker volume inspect "${project}_postgres-data" >/dev/null 2>&1; then
        die "There is a database, but $secrets/encryption_key is missing: put the keys back, from a copy or with
restore --keys. A new key could read nothing. To give the data up instead: $0 clean"
    fi
    mkdir -p "$secrets"
    chmod 0700 "$secrets"
    secret postgres_password "$(random_hex 24)"
    secret plant_user_password "$(random_hex 24)"
    secret plant_monitor_password "$(random_hex 24)"
    secret database_url "postgres://plant_user:$(cat "$secrets/plant_user_password")@postgres:5432/$database"
    secret postgres_monitor_url \
        "postgresql://plant_monitor:$(cat "$secrets/plant_monitor_password")@postgres:5432/$database?sslmode=disable"
    secret secret_key "$(random_key)"
    secret encryption_key "$(random_key)"
    secret grafana_password "$(random_hex 12)"
    secret grafana_secret_key "$(random_hex 24)"
    # Of a mail server, if alerts go by mail: its owner writes it here.
    secret smtp_password ''
    chmod 0600 "$secrets"/*
}

# ---------- start and stop ----------

# One line for each container: service, state, health, exit code.
states() {
    local ids state
    state='{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}}'
    state+=' {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.State.ExitCode}}'
    mapfile -t ids < <(compose ps --all --quiet)
    ((${#ids[@]} > 0)) || return 0
    docker inspect --format "$state" "${ids[@]}" | sort
}

# Those that are neither healthy nor, if they run once, done.
unready() { awk '!($2 == "running" && ($3 == "healthy" || $3 == "none")) && !($2 == "exited" && $4 == 0)' <<<"$1"; }

wait_for_health() {
    local deadline=$((SECONDS + patience_seconds)) now waiting
    say "Waiting until all are healthy"
    while :; do
        now=$(states)
        [[ -n $now ]] || die "No container was started."
        waiting=$(unready "$now")
        [[ -n $waiting ]] || return 0
        ((SECONDS < deadline)) || die "Not healthy after $patience_seconds s (service, state, health, exit code):
$waiting
$0 logs SERVICE says why."
        sleep 2
    done
}

addresses() {
    cat <<END

  GraphQL      http://127.0.0.1:8000/graphql
  Grafana      http://127.0.0.1:3000        user admin, password in $secrets/grafana_password
  Alloy        http://127.0.0.1:12345       OTLP at 127.0.0.1:4317 (gRPC) and 4318 (HTTP)
  Loki         http://127.0.0.1:3100
  Tempo        http://127.0.0.1:3200
  Mimir        http://127.0.0.1:9009
  Postgres     127.0.0.1:5432               database $database, password of postgres in $secrets/postgres_password

END
}

start() {
    need_engine
    if ! is_running; then
        check_ports
        check_disk
        check_memory
    fi
    make_secrets
    # In the containers other users read these, whatever this user's umask was at the checkout.
    chmod -R go+rX observability/{alloy,grafana,loki,mimir,postgres,tempo} observability/*.sh
    # Grafana would not start if a place to tell alerts were named without its address.
    if [[ -x observability/grafana/notifications.sh ]]; then observability/grafana/notifications.sh; fi
    say "Building the API from source (only the first time takes minutes)"
    compose build
    say "Starting; the database is migrated before the API serves"
    compose up --detach --remove-orphans \
        || die "A part did not start; its state is above, and $0 logs SERVICE says more."
    wait_for_health
    addresses
}

stop() {
    need_engine
    say "Stopping (Tempo takes half a minute); the data stays"
    compose down --remove-orphans
}

status() {
    local now
    need_engine
    now=$(states)
    [[ -n $now ]] || die "Nothing runs. $0 start starts it."
    { printf 'SERVICE STATE HEALTH EXIT\n%s\n' "$now"; } | column -t
    [[ -z $(unready "$now") ]]
}

logs() {
    need_engine
    compose logs --follow --tail=200 "$@"
}

# ask QUESTION WORD: goes on only if the answer is WORD.
ask() {
    local answer=''
    printf '%s\nType %s to go on: ' "$1" "$2"
    read -r answer || answer=''
    [[ $answer == "$2" ]] || die "Nothing was changed."
}

clean() {
    need_engine
    ask "This removes the containers, the API's image, and all data: members, plants, photos, dashboards, logs, traces,
metrics. Backups and $secrets stay: without its keys no backup can be read." clean
    compose --profile tools down --volumes --remove-orphans
    if docker image inspect "$image" >/dev/null 2>&1; then docker image rm "$image"; fi
}

# ---------- backup and restore ----------

# The same key always has the same, and nothing of the key can be read from it.
key_fingerprint() { sha256sum <"$1" | cut -c1-16; }

archive() { compose run --rm --no-deps -T archive "$@"; }

backup() {
    local folder keys
    folder=${1:-observability/backups/$(date -u +%Y%m%dT%H%M%SZ)}
    keys=observability/backup-keys/${folder##*/}.tar
    need_engine
    is_running || die "Nothing runs, so there is no database to ask. $0 start starts it."
    [[ ! -e $folder && ! -e $keys ]] || die "$folder or $keys is there already."
    umask 077
    mkdir -p "$folder.partial" "${keys%/*}"
    # Expanded now: at the exit this function is over.
    # shellcheck disable=SC2064
    trap "$(printf 'rm -rf %q' "$folder.partial")" EXIT

    # First the database, then the photos that it names: of those there may be more, but none is missing.
    say "Postgres"
    compose exec -T postgres pg_dump --username=postgres --format=custom --dbname="$database" \
        >"$folder.partial/postgres.dump"
    say "Photos"
    archive pack api >"$folder.partial/photos.tar.gz"
    say "Grafana, which stops for a moment: its database is a file"
    compose stop grafana
    if ! archive pack grafana >"$folder.partial/grafana.tar.gz"; then
        compose start grafana
        die "Grafana's data could not be read."
    fi
    compose start grafana

    key_fingerprint "$secrets/encryption_key" >"$folder.partial/key"
    (cd "$folder.partial" && sha256sum key postgres.dump photos.tar.gz grafana.tar.gz >SHA256SUMS)
    tar -cf "$keys" -C "$secrets" .
    mv "$folder.partial" "$folder"
    trap - EXIT
    printf '\n  Backup  %s\n  Keys    %s   keep them somewhere else: who has both can read everything\n\n' \
        "$folder" "$keys"
}

restore() {
    local folder='' keys='' sure=''
    while (($# > 0)); do
        case $1 in
            --keys)
                keys=${2:?"--keys needs the file that backup made"}
                shift
                ;;
            --yes) sure=yes ;;
            *) folder=$1 ;;
        esac
        shift
    done
    [[ -n $folder ]] || die "Usage: $0 restore FOLDER [--keys FILE] [--yes]"
    [[ -e $folder/SHA256SUMS ]] || die "$folder is no backup: SHA256SUMS is missing."
    (cd "$folder" && sha256sum --check --quiet SHA256SUMS) || die "$folder is damaged."
    [[ -z $keys || -e $keys ]] || die "$keys is missing."
    need_engine
    if [[ -z $keys ]]; then
        [[ -e $secrets/encryption_key ]] || die "$secrets/encryption_key is missing: restore with --keys."
        [[ $(key_fingerprint "$secrets/encryption_key") == "$(cat "$folder/key")" ]] \
            || die "This backup was made under another encryption key: restore with --keys."
    fi
    [[ $sure == yes ]] || ask "This replaces the members, plants, photos and dashboards by those of $folder." restore

    if [[ -n $keys ]]; then
        say "Keys"
        restore_keys "$keys" "$folder/key"
    fi
    make_secrets
    # Under running servers a backup must not be restored; and no other connection may hold the database.
    say "Stopping all that writes"
    compose stop api grafana alloy
    # Starts Postgres if it must, and makes the roles that the backup's tables belong to.
    compose run --rm -T postgres-setup </dev/null
    # Into a database of its own first: if it fails, the present one is still whole.
    say "Postgres"
    in_postgres --command="DROP DATABASE IF EXISTS ${database}_restoring WITH (FORCE)" \
        --command="DROP DATABASE IF EXISTS ${database}_before WITH (FORCE)" \
        --command="CREATE DATABASE ${database}_restoring TEMPLATE template0"
    compose exec -T postgres pg_restore --username=postgres --dbname="${database}_restoring" \
        --exit-on-error --single-transaction <"$folder/postgres.dump"
    in_postgres --output=/dev/null \
        --command="SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$database'" \
        --command="BEGIN; ALTER DATABASE $database RENAME TO ${database}_before;
            ALTER DATABASE ${database}_restoring RENAME TO $database; COMMIT" \
        --command="DROP DATABASE ${database}_before WITH (FORCE)"
    # Who owns it and who may connect is not in a dump.
    compose run --rm -T postgres-setup </dev/null
    say "Photos"
    archive unpack api <"$folder/photos.tar.gz"
    say "Grafana"
    archive unpack grafana <"$folder/grafana.tar.gz"
    start
}

in_postgres() {
    compose exec -T postgres psql --username=postgres --dbname=postgres --no-psqlrc --quiet \
        --set=ON_ERROR_STOP=1 "$@" </dev/null
}

# All but the passwords of Postgres's roles, which stay as this server has them.
restore_keys() {
    local new file
    umask 077
    new=$(mktemp -d "${TMPDIR:-/tmp}/plant-care-keys.XXXXXX")
    tar -xf "$1" -C "$new"
    if [[ $(key_fingerprint "$new/encryption_key") != "$(cat "$2")" ]]; then
        rm -rf "$new"
        die "$1 holds the keys of another backup."
    fi
    mkdir -p "$secrets"
    chmod 0700 "$secrets"
    for file in "$new"/*; do
        case ${file##*/} in
            postgres_* | plant_* | database_url) ;;
            *) cp "$file" "$secrets/" ;;
        esac
    done
    rm -rf "$new"
}

# ---------- ----------

usage() {
    cat <<END
$0 COMMAND
  start             checks ports, disk and memory, makes secrets, builds, starts, migrates, waits for health
  stop              stops everything; the data stays
  restart           both
  status            what runs, and whether it is healthy
  logs [SERVICE]    follows the log
  clean             removes everything but backups and secrets, after asking
  backup [FOLDER]   Postgres, photos and Grafana; the keys apart
  restore FOLDER [--keys FILE] [--yes]
END
}

command=${1:-}
(($# == 0)) || shift
case $command in
    start | stop | status | clean | backup | restore | logs) "$command" "$@" ;;
    restart)
        stop
        start
        ;;
    help | --help | -h) usage ;;
    *)
        usage >&2
        exit 2
        ;;
esac
