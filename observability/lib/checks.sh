# shellcheck shell=bash
# What must be so before a start.
# shellcheck source=common.sh
. observability/lib/common.sh

# port_is_taken ADDRESS PORT
port_is_taken() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# The ports that the stack's own containers publish now.
own_ports() {
    local ids
    mapfile -t ids < <(containers status=running)
    ((${#ids[@]} == 0)) || docker inspect --format \
        '{{range $inside, $outside := .NetworkSettings.Ports}}{{range $outside}}{{.HostPort}} {{end}}{{end}}' "${ids[@]}"
}

check_ports() {
    local name address taken=() own
    own=" $(own_ports | tr '\n' ' ')"
    for name in $(used_ports); do
        address=127.0.0.1
        if [[ $name == HTTP* && $PROXY_ADDRESS != 0.0.0.0 ]]; then address=$PROXY_ADDRESS; fi
        if [[ $own != *" ${!name} "* ]] && port_is_taken "$address" "${!name}"; then taken+=("${!name} ($name)"); fi
    done
    ((${#taken[@]} == 0)) || die "Ports that the stack needs are taken: ${taken[*]}. ss -ltnp names what listens there;
another number in $settings lets both be."
}

check_disk() {
    local folder free
    for folder in . "$(docker info --format '{{.DockerRootDir}}')"; do
        # The engine's folder can be on another machine, or not to be looked at.
        [[ -n $folder && -e $folder ]] || continue
        free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1048576) }')
        ((free >= MINIMUM_DISK_GIB)) \
            || die "$free GiB of disk are free in $folder, and $MINIMUM_DISK_GIB are needed (MINIMUM_DISK_GIB)."
    done
}

check_memory() {
    local bytes gib
    bytes=$(docker info --format '{{.MemTotal}}')
    gib=$((bytes / 1073741824))
    # A machine sold as having 8 GiB has 7.
    ((gib >= MINIMUM_MEMORY_GIB)) \
        || die "The engine has $gib GiB of memory, and $MINIMUM_MEMORY_GIB are needed (MINIMUM_MEMORY_GIB)."
}

check_machine() {
    check_ports
    if is_running; then return 0; fi
    check_disk
    check_memory
}
