# shellcheck shell=bash
# What the parts of setup-observability.sh share; each sources it, and none of them runs by itself.
# shellcheck disable=SC2034 # used there

self=observability/setup-observability.sh
project=plant-care
# `local` serves, `next` was built and not yet taken over, `previous` served before.
image=plant-care
database=plant_care_db
# Beside it while a restore is at work: the backup's, and the one that served before.
spare=${database}_restoring
before=${database}_before
spare_volume=${project}_spare-secrets
secrets=observability/secrets
settings=observability/.env
# Not for the repository: who is at work, and how far a restore has come.
lock_file=observability/.lock
journal_file=observability/.restore

say() { printf '==> %s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { warn "$*"; exit 1; }

# ask QUESTION WORD: goes on only if the answer is WORD.
ask() {
    local answer=''
    printf '%s\nType %s to go on: ' "$1" "$2"
    read -r answer || answer=''
    [[ $answer == "$2" ]] || die "Nothing was changed."
}

# attempt COMMAND...: its exit code is in `attempted`. In `if` and before `||` bash forgets `set -e` for all that is
# called there, so this is called by itself.
attempted=0
attempt() {
    set +e
    (
        set -e
        "$@"
    )
    attempted=$?
    set -e
}
