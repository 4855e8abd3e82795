# shellcheck shell=bash
# The secrets: files of mode 0600 in observability/secrets, made once.
# shellcheck source=common.sh
. observability/lib/common.sh

random_hex() { od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
random_key() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }

# secret NAME VALUE: keeps it if it is there. Nothing is ever half written.
secret() {
    [[ ! -e $secrets/$1 ]] || return 0
    printf '%s' "$2" >"$secrets/$1.new"
    mv "$secrets/$1.new" "$secrets/$1"
}

has_database() { docker volume inspect "${project}_postgres-data" >/dev/null 2>&1; }

make_secrets() {
    umask 077
    if [[ ! -e $secrets/encryption_key ]] && has_database; then
        die "There is a database, but $secrets/encryption_key is missing: put the keys back, from a copy or with
restore --keys. A new key could read nothing. To give the data up instead: $self clean"
    fi
    mkdir -p "$secrets"
    chmod 0700 "$secrets"
    secret postgres_password "$(random_hex 24)"
    secret plant_user_password "$(random_hex 24)"
    secret plant_monitor_password "$(random_hex 24)"
    follow_password database_url plant_user_password 'postgres://plant_user:'
    follow_password postgres_monitor_url plant_monitor_password 'postgresql://plant_monitor:'
    secret database_url "$(database_url "$database")"
    secret postgres_monitor_url \
        "postgresql://plant_monitor:$(url_encoded plant_monitor_password)@postgres:5432/$database?sslmode=disable"
    secret secret_key "$(random_key)"
    secret encryption_key "$(random_key)"
    secret grafana_password "$(random_hex 12)"
    secret grafana_secret_key "$(random_hex 24)"
    # For the sums that are labels of containers.
    secret label_key "$(random_hex 24)"
    # Of a mail server, if alerts go by mail: its owner writes it here.
    secret smtp_password ''
    chmod 0600 "$secrets"/*
}

# database_url DATABASE [FOLDER]
database_url() { printf 'postgres://plant_user:%s@postgres:5432/%s' "$(url_encoded plant_user_password "${2:-$secrets}")" "$1"; }

# url_encoded NAME [FOLDER]: a secret as a part of an address, where a password of one's own may have any character.
url_encoded() {
    local value index character
    local LC_ALL=C
    value=$(<"${2:-$secrets}/$1")
    for ((index = 0; index < ${#value}; index++)); do
        character=${value:index:1}
        case $character in
            [A-Za-z0-9._~-]) printf '%s' "$character" ;;
            *) printf '%%%02X' "'$character" ;;
        esac
    done
}

# follow_password URL PASSWORD START: an address that was made here repeats its password; it is made anew when the
# password's file was changed. One that was written by hand, for another server, stays.
follow_password() {
    local old
    [[ -e $secrets/$1 ]] || return 0
    old=$(<"$secrets/$1")
    if [[ $old == "$3"*"@postgres:5432/$database"* && $old != "$3$(url_encoded "$2")@"* ]]; then
        say "$2 was changed, and $1 follows it"
        rm "$secrets/$1"
    fi
}

# The same key always has the same, and nothing of the key can be read from it.
key_fingerprint() { sha256sum <"$1" | cut -c1-16; }
