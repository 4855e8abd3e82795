# The API, built from source. The image holds the program, the libraries that it is linked with, and certificates:
# no shell, no package manager, nothing that runs as root. For BuildKit and for the builder before it.
#
# Linked with glibc and not with musl: musl's allocator is slow where many threads allocate, as a server's do.

FROM rust:1.94.0-slim-bookworm AS build
WORKDIR /source

# The dependencies, in a layer that a change of the program leaves as it is: a program that does nothing brings them.
# The slim image brings the C compiler that ring and SQLite need. Without debug information: it would be stripped.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY migration/Cargo.toml migration/Cargo.toml
# Of these no more: they are a part of the workspace, and not of the program.
COPY prove/Cargo.toml prove/Cargo.toml
COPY bench/Cargo.toml bench/Cargo.toml
RUN mkdir -p src migration/src prove/src bench/src \
    && touch src/lib.rs migration/src/lib.rs prove/src/lib.rs bench/src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --locked --release --package plant-care --bin plant-care \
    && cargo clean --release --package plant-care --package plant-care-migration \
    && rm -r src migration/src

COPY src src
COPY migration/src migration/src
COPY graphiql/dist.tar graphiql/dist.tar
# A file keeps its time when it is copied, and cargo asks times whether a file has changed. The program that does nothing
# would not name its commands.
RUN find src migration/src -type f -exec touch {} + \
    && cargo build --locked --offline --release --package plant-care --bin plant-care \
    && target/release/plant-care --help | grep -q healthcheck

# The image's whole file system. glibc asks nsswitch.conf how names are resolved.
RUN install -D target/release/plant-care /image/plant-care \
    && ldd /image/plant-care | grep -o '/[^ ]*' | xargs -I{} install -D {} /image{} \
    && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
    && install -d -m 0700 /owned/data

FROM scratch
COPY --from=build /image /
# A new volume takes its owner and its mode from here. Copied with the folder above it: of one that is copied itself, the
# builders make a new one, of mode 0755.
COPY --from=build --chown=10001:10001 /owned /
USER 10001:10001
ENV DATA_DIR=/data
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["/plant-care", "healthcheck", "http://127.0.0.1:8000/health/ready"]
ENTRYPOINT ["/plant-care"]
CMD ["serve"]
