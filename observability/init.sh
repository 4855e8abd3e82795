#!/bin/sh
# Runs in the container `init` as root: hands each service its own secrets, which nobody else can read, and gives Mimir
# its data folder, and Caddy where it runs. Each start does it again, so a secret that was changed on the host arrives.
set -eu
umask 077

root=${1:-}

# hand_out SERVICE UID FILE...
hand_out() {
    folder=$root/secrets/$1 owner=$2
    shift 2
    rm -f "$folder"/*
    cp "$@" "$folder"
    chmod 0400 "$folder"/*
    chown -R "$owner:$owner" "$folder"
    chmod 0500 "$folder"
}

from=$root/host
hand_out api 10001 "$from/database_url" "$from/secret_key" "$from/encryption_key"
hand_out postgres 70 "$from/postgres_password" "$from/plant_user_password" "$from/plant_monitor_password"
hand_out alloy 473 "$from/postgres_monitor_url"
# With the addresses that alerts go to, as many as there are.
set -- "$from/grafana_password" "$from/grafana_secret_key" "$from/smtp_password"
for file in "$from"/alert_*; do
    if [ -e "$file" ]; then set -- "$@" "$file"; fi
done
hand_out grafana 472 "$@"

chown 10001:10001 "$root/mimir"
# Not empty, or the engine would put there what Caddy's image has, which is root's.
if [ -d "$root/caddy" ]; then
    mkdir -p "$root/caddy/caddy"
    chown 10002:10002 "$root/caddy" "$root/caddy/caddy"
fi
