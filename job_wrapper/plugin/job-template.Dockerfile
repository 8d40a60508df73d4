# syntax=docker/dockerfile:1
FROM python:{{ manifest_jobtype_extra.python_version or "3.13" }}-slim-trixie
{% if manifest.system_dependencies %}
RUN apt-get update && apt-get install -y --no-install-recommends {{ manifest.system_dependencies | join(" ") }} && rm -rf /var/lib/apt/lists/*
{% endif %}
RUN useradd --uid 100000 --create-home racetrack && mkdir -p /src/job && chown racetrack /src/job
WORKDIR /src/job
RUN --mount=type=bind,from=jobtype,source=wheels,target=/wheels --mount=type=cache,target=/root/.cache/pip pip install /wheels/*.whl
{% for name, value in env_vars.items() %}
ENV {{ name }}={{ value | tojson }}
{% endfor %}
{% if manifest_jobtype_extra.requirements_path %}
COPY {{ manifest_jobtype_extra.requirements_path }} /tmp/requirements.txt
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=build_secrets,target=/run/secrets/build_secrets.env \
  set -a; [ ! -f /run/secrets/build_secrets.env ] || . /run/secrets/build_secrets.env; set +a; pip install -r /tmp/requirements.txt
{% endif %}
COPY --chown=racetrack . /src/job/
ENV JOB_NAME="{{ manifest.name }}" JOB_VERSION="{{ manifest.version }}" GIT_VERSION="{{ git_version }}" \
  DEPLOYED_BY_RACETRACK_VERSION="{{ deployed_by_racetrack_version }}" JOB_TYPE_VERSION="{{ job_type_version }}"
LABEL racetrack-component="job"
STOPSIGNAL SIGTERM
USER racetrack
CMD ["python", "-u", "-m", "racetrack_job_wrapper", "run", "{{ manifest_jobtype_extra.entrypoint_path }}", "{{ manifest_jobtype_extra.entrypoint_class or '' }}"]
