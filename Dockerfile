FROM node:20-bookworm-slim AS build
WORKDIR /opt/testyard
COPY package.json package-lock.json ./
RUN npm install --no-save --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json .swcrc ./
COPY src src
RUN npx nest build && npm prune --omit=dev --no-audit --no-fund

FROM node:20-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap ca-certificates git gpgv openssh-client rpm xz-utils zstd \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/testyard
COPY LICENSE README.md package.json ./
COPY --from=build /opt/testyard/node_modules node_modules
COPY --from=build /opt/testyard/dist dist
COPY bin bin
COPY handlers handlers
COPY migrations migrations
COPY inventory inventory
RUN ln -s /opt/testyard/bin/testyard.mjs /usr/local/bin/testyard && mkdir /state && chown node /state
USER node
ENV TESTYARD_STATE=/state
VOLUME /state
EXPOSE 7070
ENTRYPOINT ["testyard"]
CMD ["up", "--no-demo"]
