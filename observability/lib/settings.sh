# shellcheck shell=bash
# observability/.env, as far as the script acts on it. What it reads it exports, so that compose has the same.
# shellcheck source=common.sh
. observability/lib/common.sh

# What is published, with the setting's default.
declare -A ports=([POSTGRES_PORT]=5432 [API_PORT]=8000 [ALLOY_PORT]=12345 [LOKI_PORT]=3100 [TEMPO_PORT]=3200
    [MIMIR_PORT]=9009 [GRAFANA_PORT]=3000 [OTLP_GRPC_PORT]=4317 [OTLP_HTTP_PORT]=4318 [HTTP_PORT]=8080 [HTTPS_PORT]=8443)

# setting NAME DEFAULT: of the environment, which wins with compose as well, or of the file.
setting() {
    local value=''
    if [[ -n ${!1:-} ]]; then
        value=${!1}
    elif [[ -e $settings ]]; then
        value=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" "$settings" | tail -n 1)
        value=${value%$'\r'}
        case $value in
            \"*\"*) value=${value#\"} value=${value%%\"*} ;;
            \'*\'*) value=${value#\'} value=${value%%\'*} ;;
            *) value=${value%%[[:space:]]#*} value=${value%"${value##*[![:space:]]}"} ;;
        esac
    fi
    printf -v "$1" '%s' "${value:-$2}"
    export "${1?}"
}

# invalid NAME WHAT-IT-TAKES
invalid() { die "$1=${!1} is not valid: it takes $2."; }

number() { [[ ${!1} =~ ^[0-9]{1,6}$ ]] || invalid "$1" "a whole number"; }

read_settings() {
    local name
    setting STACK full
    [[ $STACK =~ ^(full|small)$ ]] || invalid STACK "full or small"
    setting PROXY off
    [[ $PROXY =~ ^(on|off)$ ]] || invalid PROXY "on or off"
    # One of them has the port for itself; several need the proxy before them.
    if [[ $PROXY == on ]]; then setting API_REPLICAS 2; else export API_REPLICAS=1; fi
    # Caddyfile knows as many addresses, and one for the replica that is to replace another.
    [[ $API_REPLICAS =~ ^[1-6]$ ]] || invalid API_REPLICAS "a number from 1 to 6"
    setting SITE_ADDRESS localhost
    setting PROXY_ADDRESS 127.0.0.1
    [[ $PROXY_ADDRESS =~ ^([0-9]{1,3}\.){3}[0-9]{1,3}$ ]] || invalid PROXY_ADDRESS "an address such as 127.0.0.1 or 0.0.0.0"
    setting PROXY_NETWORK 10.213.77
    [[ $PROXY_NETWORK =~ ^([0-9]{1,3}\.){2}[0-9]{1,3}$ ]] || invalid PROXY_NETWORK "the first three numbers of addresses, such as 10.213.77"
    read_ports
    for name in POSTGRES API ALLOY LOKI TEMPO MIMIR GRAFANA CADDY; do memory "$name"; done
    # Nobody is there who would take spans.
    if [[ $STACK == small ]]; then export OTEL_ENDPOINT=''; fi
    setting MINIMUM_DISK_GIB "$([[ $STACK == full ]] && echo 10 || echo 6)"
    setting MINIMUM_MEMORY_GIB "$([[ $STACK == full ]] && echo 6 || echo 1)"
    setting PATIENCE_SECONDS 300
    for name in MINIMUM_DISK_GIB MINIMUM_MEMORY_GIB PATIENCE_SECONDS; do number "$name"; done
}

# The ports that are published with these settings, one name a line.
used_ports() {
    printf '%s\n' POSTGRES_PORT
    if [[ $PROXY == on ]]; then printf '%s\n' HTTP_PORT HTTPS_PORT; else printf '%s\n' API_PORT; fi
    if [[ $STACK == full ]]; then
        printf '%s\n' ALLOY_PORT LOKI_PORT TEMPO_PORT MIMIR_PORT GRAFANA_PORT OTLP_GRPC_PORT OTLP_HTTP_PORT
    fi
}

read_ports() {
    local name
    local -A taken=()
    for name in "${!ports[@]}"; do
        setting "$name" "${ports[$name]}"
        if [[ ! ${!name} =~ ^[1-9][0-9]{0,4}$ ]] || ((${!name} > 65535)); then invalid "$name" "a port from 1 to 65535"; fi
    done
    for name in $(used_ports); do
        [[ -z ${taken[${!name}]:-} ]] || die "$name and ${taken[${!name}]} are both ${!name}."
        taken[${!name}]=$name
    done
}

# memory NAME: the limit NAME_MEMORY, and for programs in Go when they are to collect, which is before they reach it.
memory() {
    local limit=$1_MEMORY collect=$1_GOMEMLIMIT value unit mebibytes
    setting "$limit" ''
    setting "$collect" ''
    [[ -n ${!limit} ]] || return 0
    [[ ${!limit} =~ ^([1-9][0-9]{0,6})([mMgG])[bB]?$ ]] || invalid "$limit" "a number with m or g, such as 768m"
    value=${BASH_REMATCH[1]} unit=${BASH_REMATCH[2]}
    if [[ $unit == [gG] ]]; then mebibytes=$((value * 1024)); else mebibytes=$value; fi
    ((mebibytes >= 32)) || invalid "$limit" "at least 32m"
    [[ -n ${!collect} ]] || export "$collect=$((mebibytes * 9 / 10))MiB"
}
