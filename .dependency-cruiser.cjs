/**
 * Imports run one way: domain <- ports <- adapters; domain <- store; stages over the store; http over the
 * stages; app.module and main over all. Each rule says why; `npm test` checks them.
 */
const inside = (...names) => `^src/(${names.join('|')})(/|\\.)`;

/** Files below `src/<from>` import nothing of ours but what lies in `to`. */
const only = (from, to, because) => ({
  name: `${from}-imports-only-${to.join('-')}`,
  comment: because,
  severity: 'error',
  from: { path: `^src/${from}/` },
  to: { path: '^src/', pathNot: inside(from, ...to) },
});

module.exports = {
  forbidden: [
    {
      name: 'domain-is-pure',
      comment: 'The domain decides from its arguments alone; a digest is arithmetic, so node:crypto may stay.',
      severity: 'error',
      from: { path: '^src/domain/', pathNot: '^src/domain/version/semver\\.ts$' },
      to: { pathNot: ['^src/domain/', '^(node:)?crypto$'] },
    },
    {
      name: 'domain-is-pure-but-for-semver',
      comment: 'How semantic versions are ordered is arithmetic too, and the library of npm has it right.',
      severity: 'error',
      from: { path: '^src/domain/version/semver\\.ts$' },
      to: { pathNot: ['^src/domain/', '(^|node_modules/)(@types/)?semver/'] },
    },
    only('ports', ['domain'], 'A port says what may be touched, in the domain\'s words.'),
    only('protocol', ['domain', 'ports'], 'Both ends of the protocol read it: it knows neither.'),
    only('executor', ['domain', 'ports', 'protocol'], 'An executor reaches the grid by the protocol only.'),
    only('adapters', ['domain', 'ports', 'protocol'], 'An adapter knows one technology, and nothing of the grid.'),
    only('store', ['domain', 'ports', 'protocol'], 'The store is asked; it asks nobody.'),
    only('stages', ['domain', 'ports', 'protocol', 'store'], 'Stages load, ask the domain and commit; they touch no host.'),
    {
    name: 'http-imports-only-what-it-serves',
    comment: 'The API is one way into the grid; its server starts the one Nest module.',
    severity: 'error',
    from: { path: '^src/http/' },
    to: {
      path: '^src/',
      pathNot: [inside('http', 'domain', 'ports', 'protocol', 'store', 'stages'), '^src/app\\.module\\.ts$'],
    },
  },
  {
    name: 'only-the-server-starts-the-module',
    severity: 'error',
    from: { path: '^src/http/', pathNot: '^src/http/server\\.ts$' },
    to: { path: '^src/app\\.module\\.ts$' },
  },
    {
      name: 'cli-is-a-client',
      comment: 'The command line knows the API by its contract; only what starts a grid may load main, when asked to.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: {
        path: '^src/',
        pathNot: [inside('cli', 'domain', 'ports', 'protocol', 'adapters', 'executor'), '^src/http/contract\\.ts$', '^src/main\\.ts$'],
      },
    },
    {
      name: 'cli-loads-main-lazily',
      comment: 'Every other command starts without the grid.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^src/main\\.ts$', dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nobody-imports-the-top',
      comment: 'main and the configuration are over all.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main|app\\.module|config)\\.ts$|^src/cli/' },
      to: { path: '^src/(main|config)\\.ts$' },
    },
    {
      name: 'database-only-in-store',
      comment: 'TypeORM and pg stand behind the store; the embedded server asks its own server whether it lives.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/store/', '^src/adapters/embedded-postgres\\.ts$'] },
      to: { path: '(^|node_modules/)(@nestjs/)?(typeorm|pg)(/|$)' },
    },
    {
      name: 'no-typeorm-in-adapters',
      severity: 'error',
      from: { path: '^src/adapters/' },
      to: { path: '(^|node_modules/)typeorm(/|$)' },
    },
    {
      name: 'nest-only-at-the-top',
      comment: 'Nest wires the parts and serves HTTP; nothing else knows it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(http/|app\\.module\\.ts$|main\\.ts$)' },
      to: { path: '(^|node_modules/)@nestjs/' },
    },
    {
      name: 'testyard-run-needs-no-grid',
      comment: '`testyard run` and `testyard bisect` must work with no server, no database and nothing installed.',
      severity: 'error',
      from: { path: '^src/cli/(run|bisect)\\.ts$' },
      to: { path: '(^|node_modules/)(@nestjs|typeorm|pg)(/|$)', reachable: true },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'What nothing imports and what imports nothing is not part of the program.',
      severity: 'error',
      from: { path: '^src/', orphan: true },
      to: {},
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-packages',
      comment: 'What the program imports is installed with it.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
