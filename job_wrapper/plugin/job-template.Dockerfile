# syntax=docker/dockerfile:1
{%- macro quoted(value) -%}
"{{ value | string | replace('\\', '\\\\') | replace('"', '\\"') | replace('$', '\\$') }}"
{%- endmacro %}
{%- set requirements = manifest_jobtype_extra.requirements_path %}
{#- What changes rarely comes first: a change of the job's code rebuilds only the last layers. -#}
{%- set packages = (manifest.system_dependencies or []) + (["build-essential", "git"] if requirements else []) %}
FROM python:{{ manifest_jobtype_extra.python_version or "3.13" }}-slim-trixie
STOPSIGNAL SIGTERM
LABEL racetrack-component="job"
EXPOSE 7000
{%- if packages %}
RUN apt-get update \
  && apt-get install -y --no-install-recommends {{ packages | join(" ") }} \
  && rm -rf /var/lib/apt/lists/*
{%- endif %}
RUN useradd --uid 100000 --create-home racetrack && install -d -o racetrack /src/job
WORKDIR /src/job
RUN --mount=type=bind,from=jobtype,source=wheels,target=/wheels --mount=type=cache,target=/root/.cache/pip \
  pip install --root-user-action=ignore /wheels/*.whl
{%- for name, value in env_vars.items() %}
ENV {{ name }}={{ quoted(value) }}
{%- endfor %}
{%- if requirements %}
COPY {{ [requirements, "/tmp/requirements.txt"] | tojson }}
RUN --mount=type=cache,target=/root/.cache/pip \
  --mount=type=secret,id=build_secrets,target=/run/secrets/build_secrets.env \
  set -a; [ ! -f /run/secrets/build_secrets.env ] || . /run/secrets/build_secrets.env; set +a; \
  pip install --root-user-action=ignore -r /tmp/requirements.txt
{%- if manifest_jobtype_extra.check_requirements | default(true) | string | lower == "true" %}
RUN pip check
{%- endif %}
{%- endif %}
COPY --chown=racetrack . /src/job/
ENV JOB_NAME={{ quoted(manifest.name) }} \
  JOB_VERSION={{ quoted(manifest.version) }} \
  GIT_VERSION={{ quoted(git_version) }} \
  DEPLOYED_BY_RACETRACK_VERSION={{ quoted(deployed_by_racetrack_version) }} \
  JOB_TYPE_VERSION={{ quoted(job_type_version) }}
USER 100000
CMD ["python", "-u", "-m", "racetrack_job_wrapper", "run", {{ manifest_jobtype_extra.entrypoint_path | tojson }}, {{ (manifest_jobtype_extra.entrypoint_class or "") | tojson }}]
