# An installation of the project for a worker's containers: docs/remote-workers.md says how to
# build it. The code of a stage is not of here, but of its commit.
FROM python:3.11.14-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git openssh-client \
    && rm -rf /var/lib/apt/lists/*
# What pip takes torch from, where the usual build is not wanted.
ARG PIP_EXTRA_INDEX_URL
# What the DVC remote needs, such as dvc-s3.
ARG PACKAGES
COPY .ci/constraints.txt dist/*.whl /tmp/
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt /tmp/*.whl ${PACKAGES}
RUN useradd --create-home worker
USER worker
# A volume at this place takes its owner.
RUN mkdir --parents /home/worker/.cache/restore
WORKDIR /home/worker
