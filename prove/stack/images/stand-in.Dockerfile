# One image for Alloy, Loki, Tempo, Mimir and Grafana: stand-in.rs under the path that each has in its own image.
# Of shells it has what Alloy's and Grafana's images have: bash, and BusyBox's wget.
ARG RUST
FROM $RUST AS build
COPY stand-in.rs /
RUN rustc --edition=2024 -O -o /stand-in /stand-in.rs

FROM plant-care-proof/bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends busybox-static && rm -rf /var/lib/apt/lists/* \
    && ln -s /bin/busybox /usr/local/bin/wget \
    && install -d -o 473 -g 473 /var/lib/alloy/data \
    && install -d -o 10001 -g 10001 /loki /var/tempo \
    && install -d -o 472 -g 472 /var/lib/grafana
COPY --from=build /stand-in /bin/alloy
COPY --from=build /stand-in /usr/bin/loki
COPY --from=build /stand-in /tempo
COPY --from=build /stand-in /bin/mimir
COPY --from=build /stand-in /bin/grafana
ARG PROGRAM
ENV PROGRAM=$PROGRAM
# The first process of a container has to listen to SIGTERM by itself, which bash does; it ends as the program ends.
ENTRYPOINT ["bash", "-c", "trap 'kill $!; exit 0' TERM INT; \"$PROGRAM\" \"$@\" & wait $!", "--"]
