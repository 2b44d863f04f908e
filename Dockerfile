# Two images: `triage` holds the checkout with everything that it needs, `label-studio` the review screen alone, whose
# requirements do not fit ours. Both are installed from the lock files, checked by their hashes.

FROM python:3.11-slim-bookworm AS base
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=true \
    MLFLOW_DISABLE_TELEMETRY=true \
    PREFECT_SERVER_ANALYTICS_ENABLED=false
COPY --chmod=555 containers/answers.py /usr/local/lib/answers.py
# A new volume takes over the owner of the folder that it is mounted on.
RUN useradd --create-home --uid 10001 triage \
    && install --directory --owner=triage --group=triage --mode=700 /data

FROM base AS installer
COPY bootstrap.lock /
RUN python -m venv /uv \
    && /uv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement /bootstrap.lock \
    && /uv/bin/uv venv --python /usr/local/bin/python3 /venv

FROM installer AS packages
COPY requirements.lock /
RUN /uv/bin/uv pip sync --no-cache --python /venv --no-build --compile-bytecode --require-hashes /requirements.lock

FROM installer AS review-packages
COPY label-studio.lock /
RUN /uv/bin/uv pip sync --no-cache --python /venv --compile-bytecode --require-hashes \
    --require-build-hashes --build-constraints /label-studio.lock /label-studio.lock

FROM base AS label-studio
COPY --from=review-packages /venv /venv
USER 10001:10001
WORKDIR /data
ENV LABEL_STUDIO_BASE_DATA_DIR=/data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=10s --start-period=10m --retries=4 \
    CMD ["python", "/usr/local/lib/answers.py", "http://127.0.0.1:8080/health"]
ENTRYPOINT ["label-studio"]
CMD ["start", "--no-browser", "--internal-host", "0.0.0.0", "--port", "8080", "--log-level", "WARNING"]

FROM base AS triage
COPY --from=packages /venv /venv
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY flows flows
COPY feedback feedback
COPY dashboards dashboards
RUN --mount=type=bind,from=installer,source=/uv,target=/uv \
    /uv/bin/uv pip install --no-cache --offline --python /venv --no-deps --no-build-isolation --editable . \
    && python -m compileall -q src flows feedback dashboards
USER 10001:10001
# What is compiled on first use is compiled here, so that no container has to.
RUN python -c "from triage_cl.learning.hashing import describe; from triage_cl.learning.linear import HashedSoftmax; \
    mail = describe(b'', {'body': 'good morning'}); learner = HashedSoftmax(); learner.learn(mail, 'a'); \
    learner.probabilities([mail])"
# The applications are found from anywhere, and nothing is ever loaded from the data folder.
ENV PYTHONPATH=/app \
    PYTHONSAFEPATH=1 \
    TRIAGE_HOME=/data
WORKDIR /data
EXPOSE 8700
HEALTHCHECK --interval=15s --timeout=10s --start-period=3m --retries=4 \
    CMD ["python", "/usr/local/lib/answers.py", "http://127.0.0.1:8700/health"]
ENTRYPOINT ["triage"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8700"]
