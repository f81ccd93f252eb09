import { existsSync } from 'node:fs';

// `npm test` runs everything that is quick. Long fault tests are left to `npm run test:faults`, those that need Kafka and the like to
// `npm run test:engines` and `npm run test:clusters`.
export default {
  testEnvironment: 'node',
  injectGlobals: false,
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  roots: ['src', 'projections', 'gateway', 'loadtest'].filter((folder) => existsSync(folder)),
  // A guard against hanging, not a limit of what is tested: it holds on a machine that does other things as well.
  testTimeout: 300_000,
  // As many as cores: many tests wait for processes and timers, so that one fewer leaves a core idle.
  maxWorkers: '100%',
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '\\.(fault|clients|engine|cluster|browser)\\.test\\.ts$'],
};
