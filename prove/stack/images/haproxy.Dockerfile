# Stands for the official image of HAProxy on Alpine: Debian's, with the wget of BusyBox that Alpine has.
FROM plant-care-proof/trixie
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends haproxy busybox-static \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s /bin/busybox /usr/local/bin/wget \
    && usermod --uid 99 haproxy && groupmod --gid 99 haproxy \
    && mkdir -p /usr/local/etc/haproxy
USER haproxy
STOPSIGNAL SIGUSR1
ENTRYPOINT ["haproxy", "-W", "-db"]
CMD ["-f", "/usr/local/etc/haproxy/haproxy.cfg"]
