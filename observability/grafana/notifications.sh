#!/usr/bin/env bash
# Writes who is told of alerts, as Grafana reads it: notifications.sh [FOLDER [OUTPUT]]
# FOLDER (observability/secrets) holds the secrets, one file each; one that is missing or blank is a channel that does not
# exist: alert_email, alert_slack_url, alert_webhook_url, alert_pagerduty_key.
# No secret is written: Grafana reads the files, which it sees in /run/secrets.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-$here/../secrets}
output=${2:-$here/provisioning/alerting/notifications.yml}

receivers='' gone=''
# channel NAME FILE SETTING [MORE]: one way to tell, with its secret in SETTING.
channel() {
    if [[ -e $folder/$2 && -n $(tr -d '[:space:]' <"$folder/$2") ]]; then
        receivers+="      - uid: plant-care-$1
        type: $1
        settings:
          $3: \$__file{/run/secrets/$2}
${4:+          $4
}"
    else
        # Who was told until now is told no more.
        gone+="  - { orgId: 1, uid: plant-care-$1 }
"
    fi
}
channel email alert_email addresses
channel slack alert_slack_url url
channel webhook alert_webhook_url url
channel pagerduty alert_pagerduty_key integrationKey "severity: '{{ .CommonLabels.severity }}'"

write() {
    printf 'apiVersion: 1\n'
    if [[ -n $receivers ]]; then
        printf 'contactPoints:\n  - orgId: 1\n    name: Plant Care\n    receivers:\n%s' "$receivers"
        printf 'policies:\n  - orgId: 1\n    receiver: Plant Care\n    group_by: [alertname, rule]\n'
        printf '    group_wait: 30s\n    group_interval: 5m\n    repeat_interval: 4h\n'
    else
        # Grafana's own contact point, which reaches nobody; without one it would not start.
        printf 'resetPolicies: [1]\n'
    fi
    [[ -z $gone ]] || printf 'deleteContactPoints:\n%s' "$gone"
}

# Another user reads it, in a container.
(umask 022 && write >"$output")
