import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a user of the package may import, by the file that it is. */
const entries: Readonly<Record<string, string>> = {
  '.': 'parley',
  './access-tokens': 'access-tokens',
  './chat': 'chat',
  './chat-events': 'chat-events',
  './grpc': 'node/grpc',
  './grpc-web': 'grpc-web',
  './instructions': 'instructions',
  './message-text': 'message-text',
  './outbox': 'outbox',
  './reasons': 'reasons',
  './refusal': 'refusal',
  './reply': 'reply',
  './saved-tokens': 'saved-tokens',
  './transfer-failed': 'transfer-failed',
  './uploads': 'uploads',
  './wire': 'wire',
};
const dependencies = [
  '@bufbuild/protobuf',
  '@connectrpc/connect',
  '@connectrpc/connect-node',
  '@connectrpc/connect-web',
];

/** Writes the client SDK as a package for npm. @returns the path of the tarball */
export function packClient(folder: string): string {
  const target = mkdtempSync(join(tmpdir(), 'parley-client-'));
  try {
    const tsc = join(root, 'node_modules/.bin/tsc');
    execFileSync(tsc, ['-p', join(root, 'src/client/tsconfig.pack.json'), '--outDir', target], { stdio: 'inherit' });
    for (const path of globSync('**/*.d.ts', { cwd: target })) nameJavaScript(join(target, path));
    cpSync(join(root, 'src/client/gen'), join(target, 'gen'), { recursive: true });
    cpSync(join(root, 'docs/client-sdk.md'), join(target, 'README.md'));
    cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'));
    writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`);
    mkdirSync(folder, { recursive: true });
    const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', resolve(folder)], { cwd: target });
    const [{ filename }] = JSON.parse(packed.toString());
    return join(resolve(folder), filename);
  } finally {
    rmSync(target, { recursive: true });
  }
}

/** The compiler leaves the names of its own sources in declarations, which are not in the package. */
function nameJavaScript(path: string): void {
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replaceAll(/(from '\.[^']*|import\('\.[^']*|import\("\.[^"]*)\.ts(['"])/g, '$1.js$2'));
}

function manifest(): object {
  const { version, license, dependencies: known } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return {
    name: '@parley/client',
    version,
    description:
      'The client of Parley, a chatbot backend: sessions that survive, replies piece by piece, typed refusals.',
    license,
    type: 'module',
    sideEffects: false,
    engines: { node: '>=22' },
    exports: {
      ...Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, entry(file)])),
      './gen/*': entry('gen/*_pb'),
    },
    dependencies: Object.fromEntries(dependencies.map((name) => [name, known[name]])),
  };
}

function entry(file: string): object {
  return { types: `./${file}.d.ts`, default: `./${file}.js` };
}

if (import.meta.main) console.log(packClient(process.argv[2] ?? 'dist'));
