# shellcheck shell=bash
# The container engine: whether it is there, and how its programs are called.
# shellcheck source=common.sh
. observability/lib/common.sh

need_engine() {
    command -v docker >/dev/null 2>&1 \
        || die "Docker is missing: install Docker Engine with the compose plugin, then run this again."
    docker compose version >/dev/null 2>&1 \
        || die "Docker's compose plugin is missing: install docker-compose-plugin, then run this again."
    docker info >/dev/null 2>&1 \
        || die "Docker's engine does not answer: start it, or let this user reach it, then run this again."
    find_socket
}

# The socket proxy mounts the engine's socket, which is elsewhere where the engine runs without root.
find_socket() {
    local host=${DOCKER_HOST:-}
    [[ -z ${DOCKER_SOCKET:-} ]] || return 0
    [[ -n $host ]] || host=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || true)
    if [[ $host == unix://* ]]; then export DOCKER_SOCKET=${host#unix://}; fi
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
    if [[ $PROXY == on ]]; then arguments+=(--file compose.proxy.yaml); fi
    if JOURNAL=$(journal_folder); then
        JOURNAL_GID=$(stat -c %g "$JOURNAL")
        export JOURNAL JOURNAL_GID
        arguments+=(--file compose.journal.yaml)
    fi
    # Not the .env of `make run`: that is another server's.
    if [[ -e $settings ]]; then arguments+=(--env-file "$settings"); else arguments+=(--env-file /dev/null); fi
    if [[ $STACK == full ]]; then arguments+=(--profile full); fi
    docker compose "${arguments[@]}" "$@"
}

# containers [FILTER...]: the ids of the stack's containers, also of services that the settings no longer have, without
# those of `compose run`. Asked of the engine: compose leaves out the services of a profile that is off.
containers() {
    local arguments=(--no-trunc --quiet --filter "label=com.docker.compose.project=$project"
        --filter label=com.docker.compose.oneoff=False) filter
    for filter in "$@"; do arguments+=(--filter "$filter"); done
    docker ps "${arguments[@]}"
}

# running SERVICE: the ids of its containers that run, the oldest last.
running() { containers status=running "label=com.docker.compose.service=$1"; }

# Run-once services are no sign: they may be at it by themselves.
is_running() { [[ -n $(containers status=running) ]]; }

# one_off SERVICE [ARGUMENT...]: a container for one task, without those that its service depends on.
one_off() { compose run --rm --no-deps -T "$@"; }

# What a killed script's tasks left. Only under the lock, when nobody else has any.
remove_one_offs() {
    local ids
    mapfile -t ids < <(docker ps --all --quiet --filter "label=com.docker.compose.project=$project" \
        --filter label=com.docker.compose.oneoff=True)
    ((${#ids[@]} == 0)) || docker rm --force "${ids[@]}" >/dev/null
}

# image_id TAG: empty when there is none.
image_id() { docker image inspect --format '{{.Id}}' "$image:$1" 2>/dev/null || true; }
