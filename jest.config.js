import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

// Processes that tests start find the project compiled, as those of `npm start` do: a command takes half the CPU time, a server three quarters.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/node', import.meta.url));

// `npm test` runs everything that is quick. Long fault tests are left to `npm run test:faults`, attacks to `npm run test:attacks`, those that need Kafka and the like to
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
  // More than cores: many tests wait for processes, disks and timers. With as many, two cores idled for a third of the time.
  maxWorkers: Math.ceil(1.5 * availableParallelism()),
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '\\.(fault|attack|clients|engine|cluster|browser)\\.test\\.ts$'],
};
