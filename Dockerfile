# The API, built from source. The image holds the program, the libraries that it is linked with, and certificates:
# no shell, no package manager, nothing that runs as root.
#
# Linked with glibc and not with musl: musl's allocator is slow where many threads allocate, as a server's do.

FROM rust:1.94.0-slim-bookworm AS build
WORKDIR /source

# What changes seldom first, so that a change of the program alone does not fetch the dependencies again.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY migration/Cargo.toml migration/Cargo.toml
COPY prove/Cargo.toml prove/Cargo.toml
# Of the benchmark no more: it is a part of the workspace, and not of the program.
COPY bench/Cargo.toml bench/Cargo.toml
RUN mkdir -p src migration/src prove/src bench/src \
    && touch src/lib.rs migration/src/lib.rs prove/src/lib.rs bench/src/lib.rs \
    && cargo fetch --locked

COPY src src
COPY migration migration
COPY prove prove
COPY graphiql/dist.tar graphiql/dist.tar
# The slim image brings the C compiler that ring and SQLite need. Without debug information: it would be stripped.
RUN cargo build --locked --offline --release --package plant-care --bin plant-care

# The image's whole file system. glibc asks nsswitch.conf how names are resolved.
RUN install -D target/release/plant-care /image/plant-care \
    && ldd /image/plant-care | grep -o '/[^ ]*' | xargs -I{} install -D {} /image{} \
    && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
    && mkdir /data

FROM scratch
COPY --from=build /image /
# A new volume takes its owner from here.
COPY --from=build --chown=10001:10001 --chmod=0700 /data /data
USER 10001:10001
ENV DATA_DIR=/data
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["/plant-care", "healthcheck", "http://127.0.0.1:8000/health/ready"]
ENTRYPOINT ["/plant-care"]
CMD ["serve"]
