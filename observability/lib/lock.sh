# shellcheck shell=bash
# One at a time: two starts, or a start beside a restore, would break each other.
# shellcheck source=common.sh
. observability/lib/common.sh

# take_lock COMMAND: until this script ends, however it ends.
take_lock() {
    local pid='' what='' since='' tries
    command -v flock >/dev/null 2>&1 || die "flock is missing: install util-linux, then run this again."
    exec 9>>"$lock_file"
    # Who has just taken it has not written its name yet.
    for tries in {1..20}; do
        if flock -n 9; then break; fi
        read -r pid what since <"$lock_file" || true
        [[ ! -e /proc/${pid:-none} ]] \
            || die "$self $what has been at work since $since (process $pid). Wait for it, then run this again."
        if ((tries == 20)); then
            # It was killed, and what it had called holds on.
            say "Ending what a killed $self ${what:-} left"
            end_orphans
            flock -w 60 9 || die "What a killed $self ${what:-} left does not end: $(lock_holders | tr '\n' ' ')"
        fi
        sleep 0.1
    done
    printf '%s %s %s\n' "$$" "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$lock_file"
}

# The processes that have the lock's file open as this script's children inherit it, but for this script.
lock_holders() {
    local folder pid
    for folder in /proc/[0-9]*; do
        pid=${folder#/proc/}
        [[ $pid != "$$" && $pid != "$BASHPID" && $folder/fd/9 -ef $lock_file ]] || continue
        printf '%s\n' "$pid"
    done
}

end_orphans() {
    local pid
    for pid in $(lock_holders); do kill "$pid" 2>/dev/null || true; done
}
