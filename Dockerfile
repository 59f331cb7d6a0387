# The app on port 7860, by the steps of `make demo`: docker build -t emo . && docker run -p 7860:7860 emo
FROM python:3.12-slim

# The reader and the writer of clips come with the pinned packages; make runs their installation.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg make \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 emo

WORKDIR /home/emo/app
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip make .venv/.demo \
    && .venv/bin/python -m compileall -q emo_core demo

# The code belongs to root; the app's user writes to its home and to /tmp only.
USER 1000
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 GRADIO_ANALYTICS_ENABLED=False
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s CMD [".venv/bin/python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/config', timeout=8)"]
CMD [".venv/bin/python", "demo/app.py"]
