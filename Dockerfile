# Built with everything, run with what it needs: no compiler, no embedded Postgres, no root.

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# no scripts of packages: none of them is needed, and one would report the installation to a third party
RUN npm ci --include=dev --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:22-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# optional: the embedded Postgres, which a container does not need; source maps and types are half of the rest
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
 && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' \) -delete

FROM node:22-bookworm-slim
ENV NODE_ENV=production IN_CONTAINER=true HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
# docker exec <container> mirror <command>
RUN printf '#!/bin/sh\nexec node /app/dist/src/commands/main.js "$@"\n' >/usr/local/bin/mirror && chmod 755 /usr/local/bin/mirror
# a new volume takes over owner and mode
RUN install -d -m 700 -o 1000 -g 1000 /data
# the image's user node, by number: an orchestrator that forbids root has to see it
USER 1000:1000
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["node", "-e", "require('http').get({ port: process.env.PORT, path: '/health/ready' }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# not npm, which would not wait for the service to drain
CMD ["node", "dist/src/main.js"]
