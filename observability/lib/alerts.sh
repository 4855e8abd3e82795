# shellcheck shell=bash
# alert test: a test alert by each way of the contact point, sent by Grafana itself with what it has stored. Of Grafana
# 13's API for receivers (notifications.alerting.grafana.app/v1beta1), in which the name in base64 is the receiver's id.
# shellcheck source=common.sh
. observability/lib/common.sh

receiver=/apis/notifications.alerting.grafana.app/v1beta1/namespaces/default/receivers/UGxhbnQgQ2FyZQ

# grafana METHOD PATH [BODY]: the status in the first line, then the body. By the shell's own socket: an argument of a
# program could be read by everybody on the machine, and the password is one.
grafana() {
    local method=$1 path=$2 body=${3:-} credentials
    credentials=$(printf 'admin:%s' "$(<"$secrets/grafana_password")" | base64 -w 0)
    { exec 8<>"/dev/tcp/127.0.0.1/$GRAFANA_PORT"; } 2>/dev/null || return 1
    {
        printf '%s %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\nAuthorization: Basic %s\r\n' "$method" "$path" "$GRAFANA_PORT" "$credentials"
        printf 'Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
            "$(LC_ALL=C; printf '%d' "${#body}")" "$body"
    } >&8
    tr -d '\r' <&8 | awk '
        NR == 1 { print $2 }
        head_is_over { print }
        $0 == "" { head_is_over = 1 }'
    exec 8>&-
}

# The objects of the array "integrations", each on a line, as they are.
integrations() {
    tr -d '\n' | awk '{
        start = index($0, "\"integrations\":")
        if (!start) exit
        text = substr($0, start + 15)
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            if (in_string) {
                if (c == "\\") i++
                else if (c == "\"") in_string = 0
            } else if (c == "\"") in_string = 1
            else if (c == "{") { if (!depth++) from = i }
            else if (c == "}") { if (!--depth) print substr(text, from, i - from + 1) }
            else if (c == "]" && !depth) exit
        }
    }'
}

# json_string NAME: its first value in the JSON on stdin, as it is written there; empty without one.
json_string() {
    grep -o "\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"\\\\]\|\\\\.\)*\"" | head -n 1 | sed 's/^[^:]*:[[:space:]]*"//; s/"$//' || true
}

alert() {
    local answer status one type uid failed=0 count=0
    [[ ${1:-} == test && $# == 1 ]] || die "Usage: $self alert test"
    [[ $STACK == full ]] || die "STACK=small has no Grafana, and so no alerts."
    [[ -e $secrets/grafana_password ]] || die "$secrets/grafana_password is missing."
    answer=$(grafana GET "$receiver") || die "Grafana does not answer at 127.0.0.1:$GRAFANA_PORT: $self status says how it is."
    status=${answer%%$'\n'*}
    case $status in
        200) ;;
        401 | 403) die "Grafana does not know the password of $secrets/grafana_password: it reads it at its first start only." ;;
        404) die "Nobody is told of alerts: no contact point is set. A file alert_… in $secrets and a start set one." ;;
        *) die "Grafana answered $status when asked for its contact point." ;;
    esac
    while IFS= read -r one; do
        count=$((count + 1))
        type=$(json_string type <<<"$one") uid=$(json_string uid <<<"$one")
        answer=$(grafana POST "$receiver/test" "{\"integration\":$one,\"alert\":{\"labels\":{\"alertname\":\"Test\",\"severity\":\"info\"},\"annotations\":{\"summary\":\"A test of Plant Care's contact points: nothing is wrong.\"}}}") || answer=''
        if [[ ${answer%%$'\n'*} == 200 && $(json_string status <<<"$answer") == success ]]; then
            printf '  %-12s %s\n' "$type" "reached ($uid)"
        else
            failed=1
            # Grafana may quote the address, which is a secret where it is all that it takes to write there.
            printf '  %-12s %s\n' "$type" "NOT reached ($uid): answer ${answer%%$'\n'*}, $(json_string error <<<"$answer" \
                | sed 's#https\{0,1\}://[^[:space:]"\\]*#(address)#g')"
        fi
    done < <(integrations <<<"$answer")
    ((count > 0)) || die "Nobody is told of alerts: the contact point has no way. A file alert_… in $secrets and a start set one."
    ((failed == 0)) || die "Not everybody is told of alerts."
}
