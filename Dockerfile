# Two stages: the first makes the wheel and the environment, the second carries the environment alone.
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/build \
 && python -m venv --without-pip /opt/geo-service \
 && /opt/build/bin/python -m pip install --require-hashes --only-binary :all: -r requirements-build.lock \
 && /opt/build/bin/python -m pip --python /opt/geo-service/bin/python install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md ./
COPY assessments assessments
COPY layers layers
COPY geo_service geo_service
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /opt/wheel . \
 && /opt/build/bin/python -m pip --python /opt/geo-service/bin/python install --no-deps --no-index --find-links /opt/wheel geo-service

FROM python:3.12-slim
# rasterio's wheel leaves libexpat to the system, and the slim image does not bring it.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libexpat1 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 geo \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /workspace --shell /usr/sbin/nologin geo \
 && install --directory --owner 10001 --group 10001 --mode 0750 /workspace
COPY --from=build /opt/geo-service /opt/geo-service
ENV PATH=/opt/geo-service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GEO_SERVICE_WORKSPACE=/workspace
USER 10001:10001
WORKDIR /workspace
VOLUME /workspace
EXPOSE 8000
# A proxy set for the container must not answer for the service, hence the empty handler.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["geo-service"]
# Listens inside the container only, and wants a key (geo-service keys add). To let others in, say so:
#   docker run -p 127.0.0.1:8000:8000 -v geo:/workspace IMAGE serve --host 0.0.0.0
CMD ["serve", "--port", "8000"]
