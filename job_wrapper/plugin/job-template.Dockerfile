{#- What changes rarely comes first, and what all jobs have in common before what is one job's own:
    after a change of code, only the layer of the last COPY is built again. -#}
{%- macro quoted(value) -%}
"{{ value | string | replace('\\', '\\\\') | replace('"', '\\"') | replace('$', '\\$') }}"
{%- endmacro %}
{%- set extra = manifest_jobtype_extra -%}
{%- set requirements = extra.requirements_path -%}
{%- set safe_path = [] if (extra.python_version | string).startswith("3.10") else ["-P"] -%}
{%- set command = ["python", "-u"] + safe_path + ["-X", "faulthandler", "-m", "racetrack_job_wrapper", "run", extra.entrypoint_path] -%}
{%- set is_profiled = extra.memray_profiler | string | lower == "true" -%}
{%- set modules = imported_modules or [] -%}
{%- set is_web = "fastapi" in modules or "starlette" in modules -%}
{%- set added = (["fastapi"] if is_web else []) + (["jinja2"] if is_web or "jinja2" in modules else [])
    + (["pydantic"] if "pydantic" in modules else [])
    + (["python-multipart"] if is_web or "multipart" in modules or "python_multipart" in modules else []) -%}
{%- set options = (["--requirements", requirements] if requirements else []) + (["memray>=1.17"] if is_profiled else []) + added -%}
{%- set files = requirements_files or ([requirements] if requirements else []) -%}
FROM python:{{ extra.python_version or "3.13" }}-{{ extra.debian_version or "slim-trixie" }} AS base
RUN useradd --key UID_MAX=100000 --uid 100000 --create-home racetrack && install -d -o racetrack -g racetrack /src/job
RUN --mount=type=bind,from=jobtype,source=installer,target=/installer python /installer/install.py base
{%- for name, value in env_vars.items() %}
ENV {{ name }}={{ quoted(value) }}
{%- endfor %}
{%- if manifest.system_dependencies %}
RUN --mount=type=cache,target=/var/lib/apt/lists,sharing=locked --mount=type=cache,target=/var/cache/apt,sharing=locked \
  export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && apt-get -qq install -y --no-install-recommends {{ manifest.system_dependencies | join(" ") }}
{%- endif %}

FROM base AS environment
RUN --mount=type=bind,from=jobtype,source=installer,target=/installer \
  --mount=type=secret,id=build_secrets,target=/run/secrets/build_secrets.env \
  --mount=type=cache,id=racetrack-python3,target=/root/.cache \
  python /installer/install.py tools
WORKDIR /src/job
{%- for file in files %}
COPY {{ [file, "./" ~ file] | tojson }}
{%- endfor %}
RUN --mount=type=bind,from=jobtype,source=installer,target=/installer \
  --mount=type=bind,from=jobtype,source=wheels,target=/wheels \
  --mount=type=secret,id=build_secrets,target=/run/secrets/build_secrets.env \
  --mount=type=cache,id=racetrack-python3,target=/root/.cache \
  {{ (["python", "/installer/install.py", "job", "/src/job-venv"] + options) | tojson }}

FROM base
COPY --from=environment /src/job-venv /src/job-venv
WORKDIR /src/job
COPY --chown=100000:100000 . .
ENV PATH="/src/job-venv/bin:$PATH" \
  VIRTUAL_ENV="/src/job-venv" \
{%- if is_profiled %}
  MEMRAY_PROFILER="true" \
{%- endif %}
  JOB_NAME={{ quoted(manifest.name) }} \
  JOB_VERSION={{ quoted(manifest.version) }} \
  GIT_VERSION={{ quoted(git_version) }} \
  DEPLOYED_BY_RACETRACK_VERSION={{ quoted(deployed_by_racetrack_version) }} \
  JOB_TYPE_VERSION={{ quoted(job_type_version) }}
LABEL racetrack-component="job" racetrack-packages="/src/job-venv/packages.json"
EXPOSE 7000
STOPSIGNAL SIGTERM
USER 100000:100000
CMD {{ (command + ([extra.entrypoint_class] if extra.entrypoint_class else [])) | tojson }}
