# The images of the services, one target each: lifecycle (the Supervisor and the migration run from it, too), image-builder, pub, dashboard.
# What changes rarely comes first and is shared: the system, the libraries of all, those of one service; our own code comes last.

FROM python:3.13-slim-trixie AS system
ENV PATH=/opt/racetrack/bin:$PATH \
  VIRTUAL_ENV=/opt/racetrack \
  PYTHONUNBUFFERED=1 \
  MALLOC_ARENA_MAX=2
# A volume takes over the owner of the directory that it is mounted on.
RUN useradd --uid 100000 --create-home racetrack \
  && install -d -o racetrack -g racetrack /mnt/plugins /var/lib/racetrack
COPY --chmod=755 compose/answers /usr/local/bin/answers
WORKDIR /var/lib/racetrack

# What fills the images, and stays outside of them.
FROM system AS tools
COPY constraints.txt compose/own-packages.txt /tools/
COPY --chmod=755 compose/install-libraries /tools/
RUN --mount=type=cache,target=/root/.cache/pip \
  pip install --root-user-action=ignore --constraint /tools/constraints.txt uv \
  && cp "$(command -v uv)" /tools/

FROM system AS libraries
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
  --mount=type=cache,target=/root/.cache/uv \
  --mount=type=bind,source=racetrack_client/pyproject.toml,target=/src/racetrack_client/pyproject.toml \
  --mount=type=bind,source=racetrack_commons/pyproject.toml,target=/src/racetrack_commons/pyproject.toml \
  /tools/uv venv /opt/racetrack && /tools/install-libraries /src/*/pyproject.toml

# --- Our own code: a wheel of each package, and the plugins that every platform brings along --------------------------------

FROM libraries AS packages
WORKDIR /src
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
  --mount=type=cache,target=/root/.cache/uv \
  uv pip install --link-mode copy --constraint /tools/constraints.txt hatchling
ENV UV_NO_BUILD_ISOLATION=1
COPY racetrack_client racetrack_client
COPY job_wrapper job_wrapper
COPY job_types job_types
RUN PYTHONPATH=racetrack_client:job_wrapper python job_types/bundle.py
COPY racetrack_commons racetrack_commons
COPY lifecycle lifecycle
COPY lifecycle_supervisor lifecycle_supervisor
COPY image_builder image_builder
COPY pub pub
COPY dashboard dashboard
RUN for package in racetrack_client racetrack_commons lifecycle lifecycle_supervisor image_builder pub dashboard; do \
    uv build --wheel --out-dir /wheels/$package $package || exit 1; done

# --- Lifecycle and its Supervisor -------------------------------------------------------------------------------------------

FROM libraries AS lifecycle
# Plugins of infrastructure targets call these commands.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates docker-cli kubernetes-client \
  && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
  --mount=type=cache,target=/root/.cache/uv \
  --mount=type=bind,source=lifecycle/pyproject.toml,target=/src/lifecycle/pyproject.toml \
  /tools/install-libraries /src/*/pyproject.toml
COPY --from=packages /src/build/plugins /opt/racetrack/plugins
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
  --mount=type=bind,from=packages,source=/wheels/racetrack_client,target=/wheels/racetrack_client \
  --mount=type=bind,from=packages,source=/wheels/racetrack_commons,target=/wheels/racetrack_commons \
  --mount=type=bind,from=packages,source=/wheels/lifecycle,target=/wheels/lifecycle \
  --mount=type=bind,from=packages,source=/wheels/lifecycle_supervisor,target=/wheels/lifecycle_supervisor \
  /tools/uv pip install --no-cache --compile-bytecode --no-deps /wheels/*/*.whl
USER 100000:100000
ENV BUNDLED_PLUGINS_DIR=/opt/racetrack/plugins PLUGINS_DIR=/mnt/plugins
CMD ["python", "-m", "lifecycle", "serve"]
ARG GIT_VERSION=dev DOCKER_TAG=
ENV GIT_VERSION=$GIT_VERSION DOCKER_TAG=$DOCKER_TAG
LABEL racetrack-component=lifecycle git-version=$GIT_VERSION

# --- Image Builder ----------------------------------------------------------------------------------------------------------

FROM libraries AS image-builder
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates docker-buildx docker-cli git git-lfs \
  && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
  --mount=type=cache,target=/root/.cache/uv \
  --mount=type=bind,source=image_builder/pyproject.toml,target=/src/image_builder/pyproject.toml \
  /tools/install-libraries /src/*/pyproject.toml
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
  --mount=type=bind,from=packages,source=/wheels/racetrack_client,target=/wheels/racetrack_client \
  --mount=type=bind,from=packages,source=/wheels/racetrack_commons,target=/wheels/racetrack_commons \
  --mount=type=bind,from=packages,source=/wheels/image_builder,target=/wheels/image_builder \
  /tools/uv pip install --no-cache --compile-bytecode --no-deps /wheels/*/*.whl
USER 100000:100000
ENV PLUGINS_DIR=/mnt/plugins
CMD ["python", "-m", "image_builder", "serve"]
ARG GIT_VERSION=dev DOCKER_TAG=
ENV GIT_VERSION=$GIT_VERSION DOCKER_TAG=$DOCKER_TAG
LABEL racetrack-component=image-builder git-version=$GIT_VERSION

# --- PUB --------------------------------------------------------------------------------------------------------------------

FROM libraries AS pub
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
  --mount=type=cache,target=/root/.cache/uv \
  --mount=type=bind,source=pub/pyproject.toml,target=/src/pub/pyproject.toml \
  /tools/install-libraries /src/*/pyproject.toml
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
  --mount=type=bind,from=packages,source=/wheels/racetrack_client,target=/wheels/racetrack_client \
  --mount=type=bind,from=packages,source=/wheels/racetrack_commons,target=/wheels/racetrack_commons \
  --mount=type=bind,from=packages,source=/wheels/pub,target=/wheels/pub \
  /tools/uv pip install --no-cache --compile-bytecode --no-deps /wheels/*/*.whl
USER 100000:100000
CMD ["python", "-m", "pub"]
ARG GIT_VERSION=dev DOCKER_TAG=
ENV GIT_VERSION=$GIT_VERSION DOCKER_TAG=$DOCKER_TAG
LABEL racetrack-component=pub git-version=$GIT_VERSION

# --- Dashboard --------------------------------------------------------------------------------------------------------------

FROM libraries AS dashboard
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
  --mount=type=cache,target=/root/.cache/uv \
  --mount=type=bind,source=dashboard/pyproject.toml,target=/src/dashboard/pyproject.toml \
  /tools/install-libraries /src/*/pyproject.toml
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
  --mount=type=bind,from=packages,source=/wheels/racetrack_client,target=/wheels/racetrack_client \
  --mount=type=bind,from=packages,source=/wheels/racetrack_commons,target=/wheels/racetrack_commons \
  --mount=type=bind,from=packages,source=/wheels/dashboard,target=/wheels/dashboard \
  /tools/uv pip install --no-cache --compile-bytecode --no-deps /wheels/*/*.whl
COPY docs /opt/racetrack/docs
USER 100000:100000
ENV DOCS_DIR=/opt/racetrack/docs
CMD ["python", "-m", "dashboard"]
ARG GIT_VERSION=dev DOCKER_TAG=
ENV GIT_VERSION=$GIT_VERSION DOCKER_TAG=$DOCKER_TAG
LABEL racetrack-component=dashboard git-version=$GIT_VERSION
