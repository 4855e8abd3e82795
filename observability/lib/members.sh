# shellcheck shell=bash
# What the program itself can do, for a machine without its toolchain. Within the container that serves: a container of its
# own would have its output, which holds a password, kept in a log.
# shellcheck source=common.sh
. observability/lib/common.sh

in_api() {
    local id terminal=()
    need_engine
    id=$(running api | tail -n 1)
    [[ -n $id ]] || die "The API does not run. $self start starts it."
    if [[ -t 0 && -t 1 ]]; then terminal=(--tty); fi
    docker exec --interactive "${terminal[@]}" "$id" /plant-care "$@"
}

# A story of care, played through the API.
demo() { in_api demo "$@"; }

# user add EMAIL, user grant EMAIL ROLE, and whatever else the program knows.
user() { in_api user "$@"; }
