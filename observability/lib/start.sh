# shellcheck shell=bash
# start, restart, stop, clean. Nothing that runs is touched before the new image is built and the database is migrated.
# shellcheck source=common.sh
. observability/lib/common.sh

addresses() {
    local address=127.0.0.1
    echo
    if [[ $PROXY == on ]]; then
        printf '  GraphQL      https://%s:%s/graphql\n' "$SITE_ADDRESS" "$HTTPS_PORT"
    else
        printf '  GraphQL      http://%s:%s/graphql\n' "$address" "$API_PORT"
    fi
    if [[ $STACK == full ]]; then
        cat <<END
  Grafana      http://$address:$GRAFANA_PORT        user admin, password in $secrets/grafana_password
  Alloy        http://$address:$ALLOY_PORT       OTLP at $address:$OTLP_GRPC_PORT (gRPC) and $OTLP_HTTP_PORT (HTTP)
  Loki         http://$address:$LOKI_PORT
  Tempo        http://$address:$TEMPO_PORT
  Mimir        http://$address:$MIMIR_PORT
END
    fi
    cat <<END
  Postgres     $address:$POSTGRES_PORT               database $database, password of postgres in $secrets/postgres_password

END
}

# Files and secrets, ready to be mounted.
prepare_files() {
    local folder
    make_secrets
    # In the containers other users read these, whatever this user's umask was at the checkout.
    for folder in alloy caddy grafana loki mimir postgres socket-proxy tempo; do
        if [[ -e observability/$folder ]]; then chmod -R go+rX "observability/$folder"; fi
    done
    chmod go+rX observability observability/*.sh
    # Grafana would not start if a place to tell alerts were named without its address.
    if [[ -x observability/grafana/notifications.sh ]]; then observability/grafana/notifications.sh; fi
    export_sums
}

build() {
    say "Building the API from source (only the first time takes minutes)"
    API_IMAGE=$image:next compose build api || die "The image could not be built; what ran runs on, and nothing was changed."
}

# migrate TAG: by the image that shall serve, while the present one still does: migrations only add.
migrate() {
    say "Migrating the database"
    API_IMAGE=$image:$1 one_off migrate </dev/null || die "The migration was refused, or failed: its reason is above.
What ran runs on, and the database is as it was."
}

# Containers of services that these settings do not have (any more), such as Grafana after STACK=small.
remove_surplus() {
    local services id service
    services=$(compose config --services) || die "The settings do not make a stack."
    while read -r id service; do
        [[ -n $id ]] || continue
        if ! grep -qxF "$service" <<<"$services"; then
            say "Removing $service, which the settings do not have"
            docker stop "$id" >/dev/null
            docker rm --force "$id" >/dev/null
        fi
    done < <(docker ps --all --no-trunc --filter "label=com.docker.compose.project=$project" \
        --filter label=com.docker.compose.oneoff=False --format '{{.ID}} {{.Label "com.docker.compose.service"}}')
}

# bring_up [OPTION...]: all that the settings have, with the image `local`, until it is healthy.
bring_up() {
    local others
    remove_surplus
    if [[ $PROXY == on && -n $(running api) ]]; then
        roll "$@"
        # Compose would recreate the replicas too, and all at once. Run-once services run below, in their order.
        if [[ " $* " == *" --force-recreate "* ]]; then
            mapfile -t others < <(compose config --services | grep -vxE 'api|init|postgres-setup|migrate')
            compose up --detach --no-build --force-recreate "${others[@]}" \
                || die "A part did not start; its state is above, and $self logs SERVICE says more."
            set --
        fi
    fi
    forget_once
    compose up --detach --no-build --remove-orphans --scale "api=$API_REPLICAS" "$@" \
        || die "A part did not start; its state is above, and $self logs SERVICE says more.
If it is the new image: $self rollback"
    attempt wait_for_health
    ((attempted == 0)) || die "If it is the new image: $self rollback"
}

start() {
    need_engine
    check_machine
    recover
    prepare_files
    build
    start_postgres
    set_password
    set_up
    migrate next
    adopt
    say "Starting"
    if [[ $PROXY == off && -n $(running api) ]]; then say "Without PROXY=on the API is away for some seconds if it is replaced"; fi
    bring_up "$@"
    addresses
}

restart() { start --force-recreate; }

stop() {
    need_engine
    say "Stopping (Tempo takes half a minute); the data stays"
    STACK=full compose down --remove-orphans
}

logs() {
    need_engine
    compose logs --follow --tail=200 "$@"
}

clean() {
    local tag
    need_engine
    ask "This removes the containers, the API's images, and all data: members, plants, photos, dashboards, logs, traces,
metrics. Backups and $secrets stay: without its keys no backup can be read." clean
    undo_secrets
    if [[ -e compose.proxy.yaml ]]; then PROXY=on; fi
    STACK=full compose --profile tools down --volumes --remove-orphans
    docker volume rm --force "$spare_volume" >/dev/null
    rm -f "$journal_file"
    for tag in local next previous; do
        [[ -z $(image_id "$tag") ]] || docker image rm "$image:$tag"
    done
}
