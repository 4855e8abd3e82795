# shellcheck shell=bash
# The API's images, and how replicas are replaced one by one; upgrade and rollback.
# shellcheck source=common.sh
. observability/lib/common.sh

# What the two tags are to be when the new image does not serve.
back_local='' back_previous=''

# The image that serves now, if it is another than the new one: of a container rather than of the tag, for a start that
# was killed may have moved the tag already.
serving_image() {
    local id found new=$1
    for id in $(running api); do
        found=$(docker inspect --format '{{.Image}}' "$id")
        if [[ $found != "$new" ]]; then
            printf '%s\n' "$found"
            return 0
        fi
    done
    found=$(image_id local)
    if [[ $found != "$new" ]]; then printf '%s\n' "$found"; fi
}

# Takes over what was built; the image before it is kept.
adopt() {
    local new before
    new=$(image_id next)
    [[ -n $new ]] || die "The image $image:next is gone."
    before=$(serving_image "$new")
    # A rollback is then to what serves, not to a version before it.
    back_local=$before back_previous=$before
    if [[ -n $before ]]; then docker tag "$before" "$image:previous"; fi
    docker tag "$new" "$image:local"
    docker image rm "$image:next" >/dev/null
}

# roll [OPTION...]: one more replica with the new image; when it is healthy, an old one drains and goes; and so on. If the
# new one does not get healthy, the old ones go on serving.
roll() {
    local old before new id count
    # Compose would start what had stopped and count it.
    remove_stopped api
    mapfile -t old < <(stale_replicas "$@")
    ((${#old[@]} > 0)) || return 0
    say "Replacing ${#old[@]} replica(s), one by one"
    for id in "${old[@]}"; do
        mapfile -t before < <(running api)
        count=${#before[@]}
        if ! more_replicas $((count + 1)); then
            give_up_roll "A new replica could not be started." "${before[@]}"
        fi
        new=$(running api | grep -vxF "$(printf '%s\n' "${before[@]}")" || true)
        if [[ -z $new ]] || ! wait_for "$new" strictly; then
            give_up_roll "The new replica is not healthy." "${before[@]}"
        fi
        # SIGTERM: it says that it is not ready, waits for the proxy to notice, and finishes what it is at.
        docker stop --time "$(grace "$id")" "$id" >/dev/null
        docker rm "$id" >/dev/null
    done
    more_replicas "$API_REPLICAS"
}

# Run-once services are made anew for each `up`: compose would keep those of the old image, or recreate them, and with
# one that it recreates it recreates all that depend on it, which is every replica at once.
forget_once() {
    local service
    for service in init postgres-setup migrate; do remove_stopped "$service"; done
}

# more_replicas COUNT: the present ones stay. Not with --no-deps: a service without its dependencies is another
# configuration for compose.
more_replicas() {
    forget_once
    compose up --detach --no-recreate --no-build --scale "api=$1" api
}

remove_stopped() {
    local ids
    mapfile -t ids < <(docker ps --all --quiet --filter "label=com.docker.compose.project=$project" \
        --filter label=com.docker.compose.oneoff=False --filter "label=com.docker.compose.service=$1" \
        --filter status=exited --filter status=created --filter status=dead)
    ((${#ids[@]} == 0)) || docker rm "${ids[@]}" >/dev/null
}

# The replicas that are not as compose would make them now: another image, or another configuration.
stale_replicas() {
    local id now wanted
    if [[ " $* " == *" --force-recreate "* ]]; then
        running api
        return 0
    fi
    wanted="$(image_id local) $(compose config --hash api | awk '{ print $2 }')"
    for id in $(running api); do
        now=$(docker inspect --format '{{.Image}} {{index .Config.Labels "com.docker.compose.config-hash"}}' "$id")
        [[ $now == "$wanted" ]] || printf '%s\n' "$id"
    done
}

# As long as stop_grace_period says; `docker stop` would wait ten seconds only.
grace() {
    local seconds
    seconds=$(docker inspect --format '{{.Config.StopTimeout}}' "$1")
    if [[ $seconds =~ ^[0-9]+$ ]]; then printf '%s\n' "$seconds"; else printf '%s\n' 30; fi
}

# give_up_roll WHY ID...: only these stay. What was replaced already came healthy and stays as well.
give_up_roll() {
    local why=$1 id
    shift
    for id in $(docker ps --all --no-trunc --quiet --filter "label=com.docker.compose.project=$project" \
        --filter label=com.docker.compose.oneoff=False --filter label=com.docker.compose.service=api); do
        [[ " $* " == *" $id "* ]] || {
            docker logs --tail 20 "$id" >&2 || true
            docker rm --force "$id" >/dev/null
        }
    done
    if [[ -n $back_local ]]; then
        docker tag "$back_local" "$image:local"
        docker tag "$back_previous" "$image:previous"
    fi
    die "$why Its last lines are above. The old replicas go on serving; nothing is to be rolled back."
}

upgrade() {
    need_engine
    recover
    if [[ -n $(running postgres) ]]; then backup; else say "Nothing runs, so there is nothing to back up"; fi
    start "$@"
    say "Upgraded. If it does not do well: $self rollback"
}

# Back to the image before, and forth again the next time. The database is not migrated down: migrations only add, and
# the image before works with what they added.
rollback() {
    local now before
    need_engine
    recover
    now=$(image_id local) before=$(image_id previous)
    [[ -n $before ]] || die "There is no image $image:previous, so there is nothing to roll back to."
    if [[ $now == "$before" ]]; then say "The image before is the one that serves already"; fi
    back_local=$now back_previous=$before
    docker tag "$before" "$image:local"
    [[ -z $now ]] || docker tag "$now" "$image:previous"
    prepare_files
    start_postgres
    bring_up "$@"
    addresses
}
