# shellcheck shell=bash
# A label for each service, with a sum of the files that it reads: compose recreates those whose files changed.
# shellcheck source=common.sh
. observability/lib/common.sh

# read_by SERVICE: what it reads of the host. Only what is read at each start: the password of Postgres's superuser and
# the roles' are set by postgres-setup, which runs each time, and Grafana reads its admin's on empty data alone.
# Run-once services have no line here, for they always run.
read_by() {
    case $1 in
        api) printf '%s\n' "$secrets"/{database_url,secret_key,encryption_key} ;;
        alloy) printf '%s\n' observability/alloy "$secrets/postgres_monitor_url" ;;
        loki | tempo | mimir | caddy | socket-proxy) printf '%s\n' "observability/$1" ;;
        grafana)
            printf '%s\n' observability/grafana/{provisioning,dashboards} "$secrets"/{grafana_secret_key,smtp_password}
            compgen -G "$secrets/alert_*" || true
            ;;
    esac
}
labelled=(api alloy loki tempo mimir caddy socket-proxy grafana)

# Keyed, for labels are not secret: nobody shall try passwords against a sum. By a key for nothing else, for with it all
# sums change.
sum_of() {
    local path
    {
        cat "$secrets/label_key"
        while IFS= read -r path; do
            find "$path" -type f -print0 2>/dev/null || true
        done < <(read_by "$1") | LC_ALL=C sort -z | xargs -0r sha256sum --
    } | sha256sum | cut -c1-32
}

export_sums() {
    local service name
    [[ -e $secrets/label_key ]] || return 0
    for service in "${labelled[@]}"; do
        name=FILES_${service^^}
        export "${name//-/_}=$(sum_of "$service")"
    done
}
