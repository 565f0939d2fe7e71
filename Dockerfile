# The program for production: one image for web, worker, beat and the migration step (docker-compose.yml).

FROM node:24-bookworm-slim AS assets
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts

FROM python:3.11-slim-bookworm AS packages
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

# Static files and compiled translations are made once, here. The addresses are never opened: they only tell the
# settings that this is not the embedded arrangement.
FROM packages AS made
WORKDIR /app
COPY --from=assets /build/node_modules node_modules
COPY . .
RUN /venv/bin/python -c "import pathlib, polib; [polib.pofile(str(p)).save_as_mofile(str(p.with_suffix('.mo'))) for p in pathlib.Path('locale').rglob('*.po')]" \
    && SECRET_KEY=build DATABASE_URL=postgresql://build@localhost/build REDIS_URL=redis://localhost \
       /venv/bin/python manage.py collectstatic --no-input --verbosity 0

FROM python:3.11-slim-bookworm AS program
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 SCRM_DATA=/data
WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
COPY --from=made /app/staticfiles staticfiles
COPY --from=made /app/locale locale
# The console puts single icons into its pages; nothing else of node_modules is needed at run time.
COPY --from=made /app/node_modules/@tabler/icons/icons node_modules/@tabler/icons/icons
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent scrm \
    && install -d -o scrm -g scrm -m 0750 /data
USER scrm
VOLUME /data
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--no-ws", "--workers", "2", \
     "--blocking-threads", "8", "--workers-kill-timeout", "20", "--respawn-failed-workers", "scrm.wsgi:application"]
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=5)"]
