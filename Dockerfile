# docker build -t crawl-refinery .
# docker run --rm -v "$PWD:/data" crawl-refinery run -c recipe.yaml
#
# For a Ray cluster: docker build --build-arg EXTRAS=ray,s3 --build-arg PACKAGES="ray[default]" -t crawl-refinery:ray .

FROM rust:1.90-slim-bookworm AS rust

FROM python:3.12-bookworm AS build
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV PATH=/usr/local/cargo/bin:$PATH CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup
WORKDIR /src
COPY . .
ARG EXTRAS=dashboard,s3
ARG PACKAGES=""
# The build goes on without a compiler, so the last line makes sure that it was not needed.
RUN python -m venv /opt/refinery \
 && /opt/refinery/bin/pip install --no-cache-dir ".[$EXTRAS]" $PACKAGES \
 && cd / && REFINERY_KERNELS=native /opt/refinery/bin/python -c "import refinery.kernels"

FROM python:3.12-slim-bookworm
# KubeRay's probes of a pod call wget.
RUN apt-get update && apt-get install --yes --no-install-recommends wget && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 refinery \
 && install --directory --owner refinery /data
COPY --from=build /opt/refinery /opt/refinery
ENV PATH=/opt/refinery/bin:$PATH PYTHONUNBUFFERED=1
USER 1000
WORKDIR /data
ENTRYPOINT ["refinery"]
CMD ["--help"]
