// One row per layer: what it may import inside the repository, and whether npm packages (`npm`, or those of a path) and node:* modules (`core`) are allowed.
// Tests are exempt: they may compose layers.
const layers = {
  domain: { from: '^src/domain/', may: ['^src/domain/'], npm: false, core: false },
  ports: { from: '^src/ports/', may: ['^src/(domain|ports)/'], npm: false, core: false },
  app: { from: '^src/app/', may: ['^src/(domain|ports|app)/'], npm: false, core: false },
  codec: { from: '^src/codec/', may: ['^src/(domain|ports|codec|gen)/'], npm: true, core: false },
  adapters: {
    from: '^src/adapters/([^/]+)/',
    may: ['^src/(domain|ports|codec)/', '^src/adapters/$1/'],
    npm: true,
    core: true,
  },
  rpc: { from: '^src/rpc/', may: ['^src/(domain|ports|app|gen|rpc)/'], npm: true, core: true },
  workers: { from: '^src/workers/', may: ['^src/(domain|ports|app|workers)/'], npm: false, core: false },
  projections: {
    from: '^projections/([^/]+)/',
    may: ['^src/(domain|ports|app)/', '^projections/$1/', '^projections/engine/'],
    // A table of Unicode that ships with the code (docs/adr/0029), and what queries are asked by (docs/adr/0030).
    npm: '^node_modules/(unicode-segmenter|@orama/stemmers)/',
    core: false,
  },
  'read-models': {
    from: '^projections/[^/]+[.]ts$',
    may: ['^src/(domain|ports|app)/', '^projections/'],
    npm: false,
    core: false,
  },
  config: { from: '^src/config/', may: ['^src/(domain|config)/'], npm: true, core: true },
  tooling: { from: '^src/tooling/', may: ['^src/(domain|config|tooling)/', '^gateway/envoy/'], npm: true, core: true },
  client: { from: '^src/client/(?!node/)', may: ['^src/client/(?!node/)'], npm: true, core: false },
  'client-in-node': { from: '^src/client/node/', may: ['^src/client/'], npm: true, core: true },
  cli: { from: '^src/cli/', may: ['^src/(client|cli)/'], npm: true, core: true },
  clients: { from: '^(gateway/[^/]+)/', may: ['^src/(client|gen)/', '^$1/'], npm: true, core: true },
  'load-test': { from: '^loadtest/', may: ['^src/(client|gen|testing)/', '^loadtest/'], npm: true, core: true },
  'web-client': {
    from: '^gateway/web/src/',
    may: ['^gateway/web/src/', '^src/client/(?!node/)'],
    npm: true,
    core: false,
  },
  generated: { from: '^(src|src/client)/gen/', may: ['^$1/gen/'], npm: true, core: false },
};

// Each as a pattern of its own: joined into one, they are refused as a regular expression that could run for ever.
const tests = ['[.]test[.]ts$', '[.]contract[.]ts$', '/testing/'];
const own = '^(src|projections|gateway|loadtest)/';
const packages = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'];

const forbidden = [
  {
    name: 'no-cycles',
    severity: 'error',
    comment: 'Type-only cycles count too: two files that need each other are one file.',
    from: { pathNot: '^(src|src/client)/gen/' },
    to: { circular: true },
  },
  { name: 'not-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  {
    name: 'only-main-composes',
    severity: 'error',
    comment: 'Only a composition root may name an adapter.',
    from: { pathNot: ['^src/(main|adapters|simulation)/', ...tests] },
    to: { path: '^src/adapters/' },
  },
  {
    name: 'nobody-imports-main-or-tooling',
    severity: 'error',
    from: { pathNot: ['^src/(main|tooling|simulation)/', ...tests] },
    to: { path: '^src/(main|tooling)/' },
  },
  {
    name: 'composition-names-no-adapter',
    severity: 'error',
    comment: 'The simulation composes the same parts over adapters of its own, and nothing else of main.',
    from: { path: '^src/main/(composition|backends)[.]ts$' },
    to: { path: '^src/(adapters|cli|tooling)/' },
  },
  {
    name: 'simulation-sees-only-the-composition-of-main',
    severity: 'error',
    from: { path: '^src/simulation/' },
    to: { path: '^src/(main|tooling|cli)/', pathNot: '^src/main/(composition|backends)[.]ts$' },
  },
  {
    name: 'nobody-imports-the-simulation',
    severity: 'error',
    from: { pathNot: '^src/simulation/' },
    to: { path: '^src/simulation/' },
  },
  {
    name: 'product-needs-no-test-code',
    severity: 'error',
    comment:
      'The simulation is a test, of everything at once; the load test starts servers and engines as other tests do.',
    from: { path: '^(src|projections|gateway)/', pathNot: [...tests, '^src/simulation/'] },
    to: { path: tests },
  },
  {
    name: 'no-dev-dependency-in-product',
    severity: 'error',
    comment:
      'The web client is built, and Envoy configured, before anything is served: what they are made of need not be installed then.',
    from: {
      path: '^(src|projections|gateway)/',
      pathNot: [...tests, '^src/(tooling|simulation)/', '^gateway/(web|envoy)/'],
    },
    to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
  },
];
for (const [name, { from, may, npm, core }] of Object.entries(layers)) {
  const ofLayer = { path: from, pathNot: tests };
  forbidden.push({ name: `${name}-inward-only`, severity: 'error', from: ofLayer, to: { path: own, pathNot: may } });
  if (npm !== true) {
    const to = { dependencyTypes: packages, ...(npm && { pathNot: npm }) };
    forbidden.push({ name: `${name}-no-npm`, severity: 'error', from: ofLayer, to });
  }
  if (!core) {
    forbidden.push({ name: `${name}-no-node`, severity: 'error', from: ofLayer, to: { dependencyTypes: ['core'] } });
  }
}

// What folds reaches no clock, no store and no use case, however far its imports go: the same records give the same documents.
forbidden.push({
  name: 'folds-are-pure',
  severity: 'error',
  from: {
    path: ['^src/domain/', '^projections/models[.]ts$', '^projections/[^/]+/(project|document)[.]ts$'],
    pathNot: tests,
  },
  to: {
    reachable: true,
    path: ['^src/(app|adapters)/', '^src/ports/clock[.]ts$', '^projections/engine/(runner|pace)[.]ts$'],
  },
});

// A server would start later, and keep the code in memory (docs/adr/0033).
const clients = ['^src/client/', '^src/cli/client-commands[.]ts$'];
forbidden.push(
  {
    name: 'serve-loads-no-client',
    severity: 'error',
    from: { path: '^src/main/serve[.]ts$' },
    to: { reachable: true, path: clients },
  },
  {
    name: 'client-commands-are-loaded-last',
    severity: 'error',
    from: { path: '^src/main/(server-)?commands[.]ts$' },
    to: { dynamic: false, path: clients },
  },
);

module.exports = {
  forbidden,
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^gateway/web/dist/' },
    combinedDependencies: false,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
