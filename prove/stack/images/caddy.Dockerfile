# Stands for the official image of Caddy on Alpine: Debian's, with the wget of BusyBox that Alpine has.
FROM plant-care-proof/trixie
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends caddy busybox-static \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s /bin/busybox /usr/local/bin/wget \
    && mkdir -p /config/caddy /data/caddy /srv
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
EXPOSE 80 443
WORKDIR /srv
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
