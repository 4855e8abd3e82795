# shellcheck shell=bash
# Runs test runners one after another and keeps the sums; sourced by scripts/test and scripts/prove after lib.sh.

passed=0 failed=0 skipped=0
postgres_folder='' postgres_url=''
nats_folder=''
logs=''

# Whatever happens, the servers go away and the sums are the last line.
finish() {
    local code=$?
    trap - EXIT
    [[ -z $postgres_folder ]] || scripts/postgres stop "$postgres_folder" >/dev/null 2>&1 || true
    [[ -z $nats_folder ]] || scripts/nats stop "$nats_folder" >/dev/null 2>&1 || true
    if ((code != 0 && failed == 0)); then failed=1; fi
    if ((code == 0 && failed > 0)); then code=1; fi
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    exit "$code"
}

begin() {
    unset TEST_DATABASE_URL TEST_NATS_URL
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    logs=$(target_dir)/test-logs
    mkdir -p "$logs"
}

start_postgres() {
    say "Starting a private Postgres"
    postgres_folder=$(mktemp -d "${TMPDIR:-/tmp}/plant-care-postgres.XXXXXX")
    # shellcheck disable=SC2034 # for the script that sources this
    postgres_url=$(scripts/postgres start "$postgres_folder")
}

# For all Rust runs: each test server has a subject of its own.
start_nats() {
    say "Starting a private NATS server"
    nats_folder=$(mktemp -d "${TMPDIR:-/tmp}/plant-care-nats.XXXXXX")
    TEST_NATS_URL=$(scripts/nats start "$nats_folder")
    export TEST_NATS_URL
}

# run_tests NAME KIND MINIMUM COMMAND...: shows and keeps the log, adds its counts.
# A runner that fails without a failed test, hangs, or executes fewer than MINIMUM tests counts as one failure.
run_tests() {
    local name=$1 kind=$2 minimum=$3 log code=0 ok bad left foreground=()
    shift 3
    # At a terminal Ctrl-C must reach the runner; elsewhere a late runner's children must die with it.
    [[ ! -t 1 ]] || foreground=(--foreground)
    log="$logs/${name//[^a-zA-Z0-9]/-}.log"
    say "$name"
    timeout "${foreground[@]}" --kill-after=20 "${TEST_RUNNER_MINUTES:-15}m" "$@" </dev/null 2>&1 | tee "$log" || code=$?
    read -r ok bad left < <(scripts/tally "$kind" <"$log")
    if ((code != 0 && bad == 0)); then
        printf '%s stopped with exit code %d and no failed test.\n' "$name" "$code" | tee -a "$log"
        bad=1
    elif ((ok + bad < minimum)); then
        printf '%s executed no test.\n' "$name" | tee -a "$log"
        bad=1
    fi
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + left))
    say "$name: $ok passed, $bad failed, $left skipped"
}

# Builds every test program once; the runs after it find them ready.
build_tests() {
    say "Building the tests"
    "${rust_build[@]}"
}

if cargo nextest --version >/dev/null 2>&1; then
    rust_kind=nextest
    rust_profile=default
    if [[ -n ${CI:-} ]]; then rust_profile=ci; fi
    rust_build=(cargo nextest run --locked --workspace --no-run)
    rust_run=(cargo nextest run --locked --workspace --profile)
else
    rust_kind=libtest
    rust_build=(cargo test --locked --workspace --lib --bins --tests --no-run)
    rust_run=(cargo test --locked --workspace --lib --bins --tests --no-fail-fast)
fi

# run_rust NAME [NAME=VALUE...]: the whole Rust suite once, with these variables.
run_rust() {
    local name=$1
    shift
    local command=("${rust_run[@]}")
    if [[ $rust_kind == nextest ]]; then command+=("$rust_profile"); fi
    run_tests "$name" "$rust_kind" 1 env "$@" "${command[@]}"
}
