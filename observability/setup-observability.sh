#!/usr/bin/env bash
# Starts and looks after the whole stack of compose.yaml; without a command it lists what it can. `make up` and `make down`
# call it. What it does is in lib/, by noun.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=lib/common.sh
. observability/lib/common.sh
# shellcheck source=lib/settings.sh
. observability/lib/settings.sh
# shellcheck source=lib/engine.sh
. observability/lib/engine.sh
# shellcheck source=lib/lock.sh
. observability/lib/lock.sh
# shellcheck source=lib/checks.sh
. observability/lib/checks.sh
# shellcheck source=lib/secrets.sh
. observability/lib/secrets.sh
# shellcheck source=lib/sums.sh
. observability/lib/sums.sh
# shellcheck source=lib/health.sh
. observability/lib/health.sh
# shellcheck source=lib/postgres.sh
. observability/lib/postgres.sh
# shellcheck source=lib/images.sh
. observability/lib/images.sh
# shellcheck source=lib/start.sh
. observability/lib/start.sh
# shellcheck source=lib/backup.sh
. observability/lib/backup.sh
# shellcheck source=lib/spare.sh
. observability/lib/spare.sh
# shellcheck source=lib/exchange.sh
. observability/lib/exchange.sh
# shellcheck source=lib/restore.sh
. observability/lib/restore.sh
# shellcheck source=lib/members.sh
. observability/lib/members.sh
# shellcheck source=lib/alerts.sh
. observability/lib/alerts.sh

usage() {
    cat <<END
$0 COMMAND
  start             checks ports, disk and memory, makes secrets, builds, migrates, starts, waits for health
  stop              stops everything; the data stays
  restart           start that makes every container anew
  status            what runs, and whether all of it is well
  logs [SERVICE]    follows the log
  upgrade           backup, then start; with PROXY=on replicas are replaced one by one
  rollback          back to the API's image before
  backup [FOLDER] [--keep N]
                    Postgres, photos and Grafana; the keys apart
  restore FOLDER [--keys FILE] [--yes]
                    puts a backup in the place of the present data, or leaves all as it was
  restore --drill FOLDER [--keys FILE]
                    proves a backup beside the running stack, and removes it again
  user add EMAIL    a first member; user --help lists more
  demo              plays a story of care through the API
  alert test        sends a test alert to everybody who is told of alerts
  clean             removes everything but backups and secrets, after asking
END
}

command=${1:-}
(($# == 0)) || shift
case $command in
    start | stop | restart | upgrade | rollback | backup | restore | clean)
        (($# == 0)) || [[ $command =~ ^(backup|restore)$ ]] || die "$command takes no arguments."
        read_settings
        export API_IMAGE=$image:local
        take_lock "$command"
        "$command" "$@"
        ;;
    status | logs | demo | user | alert)
        read_settings
        export API_IMAGE=$image:local
        "$command" "$@"
        ;;
    help | --help | -h) usage ;;
    *)
        usage >&2
        exit 2
        ;;
esac
