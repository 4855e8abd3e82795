# Stands for the official Rust image: the machine's own toolchain, and the C compiler that its image brings.
FROM plant-care-proof/bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
ADD toolchain.tar /usr/local/
# As the machine trusts whom it fetches crates from.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV CARGO_HOME=/usr/local/cargo SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
