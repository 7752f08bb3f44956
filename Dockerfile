# syntax=docker/dockerfile:1
# Two stages: everything is installed into /opt/yingda by the first; the second carries only that and the code.
# Behind a mirror: docker build --build-arg PIP_INDEX_URL=https://... .
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS install
ARG PIP_INDEX_URL
ENV PIP_INDEX_URL=${PIP_INDEX_URL} PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.txt ./
RUN python -m venv /opt/yingda && /opt/yingda/bin/python -m pip install --only-binary :all: --no-binary jieba,wechatpy -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY adapters adapters
COPY nlu nlu
COPY flows flows
COPY bot bot
COPY config config
RUN /opt/yingda/bin/python -m pip install --no-deps . && /opt/yingda/bin/python -m compileall -q /opt/yingda/lib

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="Yingda" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin yingda
COPY --from=install /opt/yingda /opt/yingda
COPY --chown=yingda:yingda config/shop /bot
ENV PATH=/opt/yingda/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 YINGDA_PROJECT=/bot YINGDA_HOST=0.0.0.0
USER 10001
WORKDIR /bot
EXPOSE 5005
VOLUME /bot/.yingda
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('YINGDA_PORT', '5005') + '/healthz', timeout=2)"]
ENTRYPOINT ["yingda"]
CMD ["run"]
