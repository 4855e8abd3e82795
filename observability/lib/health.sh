# shellcheck shell=bash
# What runs, and how it is.
# shellcheck source=common.sh
. observability/lib/common.sh

# They end when they are done; every other service that ended is down.
once=" init postgres-setup migrate "

# One line for each container: service, state, health, exit code.
states() {
    local ids state
    state='{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}}'
    state+=' {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.State.ExitCode}}'
    ids=$(docker ps --all --no-trunc --quiet --filter "label=com.docker.compose.project=$project" \
        --filter label=com.docker.compose.oneoff=False) || die "The engine does not tell what runs."
    [[ -n $ids ]] || return 0
    # shellcheck disable=SC2086 # several ids
    docker inspect --format "$state" $ids | sort
}

# The services of these settings, in one line.
wanted_services() {
    local services
    services=$(compose config --services) || die "The settings do not make a stack."
    printf '%s\n' "${services//$'\n'/ }"
}

# unready STATES SERVICES: the lines of those that are not well, and a line for each that is wanted and not there.
unready() {
    awk -v once="$once" -v services="$2" -v replicas="$API_REPLICAS" '
        NF == 4 {
            count[$1]++
            if (index(once, " " $1 " ")) well = ($2 == "exited" && $4 == 0)
            else well = ($2 == "running" && ($3 == "healthy" || $3 == "none"))
            if (!well) print
        }
        END {
            n = split(services, names, " ")
            for (i = 1; i <= n; i++) {
                wanted = (names[i] == "api") ? replicas : 1
                for (have = count[names[i]]; have < wanted; have++) print names[i], "missing - -"
            }
        }' <<<"$1"
}

wait_for_health() {
    local deadline=$((SECONDS + PATIENCE_SECONDS)) now waiting services
    services=$(wanted_services)
    say "Waiting until all are healthy"
    while :; do
        now=$(states)
        [[ -n $now ]] || die "No container was started."
        waiting=$(unready "$now" "$services")
        [[ -n $waiting ]] || return 0
        ((SECONDS < deadline)) || die "Not healthy after $PATIENCE_SECONDS s (service, state, health, exit code):
$waiting
$self logs SERVICE says why."
        sleep 2
    done
}

# wait_for ID [strictly]: until a container is healthy; fails when it is not in time, or ended. Strictly: also as soon as
# it is unhealthy, or was started again and again.
wait_for() {
    local deadline=$((SECONDS + PATIENCE_SECONDS)) format state health restarts
    format='{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.RestartCount}}'
    while :; do
        read -r state health restarts < <(docker inspect --format "$format" "$1") || return 1
        case $state in
            running) if [[ $health == healthy || $health == none ]]; then return 0; fi ;;
            exited | dead | removing) return 1 ;;
        esac
        if [[ ${2:-} == strictly ]] && { [[ $health == unhealthy ]] || ((restarts > 2)); }; then return 1; fi
        ((SECONDS < deadline)) || return 1
        sleep 1
    done
}

status() {
    local now wrong services
    need_engine
    now=$(states)
    if [[ -e $journal_file ]]; then warn "A restore was interrupted: $self start puts an end to it."; fi
    [[ -n $now ]] || die "Nothing runs. $self start starts it."
    { printf 'SERVICE STATE HEALTH EXIT\n%s\n' "$now"; } | awk '{ printf "%-16s %-12s %-10s %s\n", $1, $2, $3, $4 }'
    services=$(wanted_services)
    wrong=$(unready "$now" "$services")
    [[ -z $wrong ]] || die "
Not well:
$wrong"
    [[ ! -e $journal_file ]]
}
