import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';

/** Answers GET and HEAD for a file of the page; false: it has none of that path. */
export type StaticFiles = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

interface Variant {
  readonly bytes: Buffer;
  /** undefined: as it is. */
  readonly encoding: 'br' | 'gzip' | undefined;
  readonly etag: string;
}

interface File {
  readonly type: string;
  readonly isHashed: boolean;
  /** The smallest first. */
  readonly variants: readonly Variant[];
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

const encodings = [
  ['.br', 'br'],
  ['.gz', 'gzip'],
] as const;

/**
 * The files of a folder, held in memory: a build that replaces them meanwhile neither breaks an answer nor mixes two builds. Those under
 * `assets/` have a hash in their name and are kept for ever; the others are asked for anew. `index.html` is `/`. A file `x.br` or `x.gz` beside
 * `x` is what those get who take it. undefined: there is no `index.html` in the folder.
 */
export async function staticFiles(
  folder: string,
  headers: (path: string) => Readonly<Record<string, string>>,
): Promise<StaticFiles | undefined> {
  const files = await load(folder);
  const index = files.get('/index.html');
  if (index === undefined) return undefined;
  files.set('/', index);
  return (request, response, path) => {
    const file = files.get(path);
    if (file === undefined) return false;
    answer(file, headers(path), request, response);
    return true;
  };
}

function answer(
  { type, isHashed, variants }: File,
  headers: Readonly<Record<string, string>>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const accepted = acceptedEncodings(request.headers['accept-encoding']);
  const variant = variants.find(({ encoding }) => encoding === undefined || accepted.has(encoding));
  if (variant === undefined) throw new Error('a file without its plain variant');
  const common = {
    ...headers,
    etag: variant.etag,
    vary: 'accept-encoding',
    'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    // Public, and the script of a frame without an origin is asked for as by a stranger.
    ...(isHashed && { 'access-control-allow-origin': '*' }),
  };
  if (isKnown(request, variant)) {
    response.writeHead(304, common).end();
    return;
  }
  response.writeHead(200, {
    ...common,
    'content-type': type,
    'content-length': variant.bytes.length,
    ...(variant.encoding === undefined ? {} : { 'content-encoding': variant.encoding }),
  });
  response.end(request.method === 'HEAD' ? undefined : variant.bytes);
}

/** Those that the client takes at all; which it likes best is not asked, the smallest is. */
function acceptedEncodings(header: string | string[] = ''): ReadonlySet<string> {
  const offers = String(header)
    .toLowerCase()
    .split(',')
    .map((offer) => offer.split(';').map((part) => part.trim()));
  return new Set(offers.filter(([, quality]) => !/^q=0(\.0*)?$/.test(quality ?? '')).map(([name = '']) => name));
}

function isKnown({ headers }: IncomingMessage, { etag }: Variant): boolean {
  const known = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes('*') || known.includes(etag);
}

async function load(folder: string): Promise<Map<string, File>> {
  const names = await namesIn(folder);
  const files = new Map<string, File>();
  for (const name of names) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    const variants: Variant[] = [];
    for (const [ending, encoding] of encodings)
      if (names.has(name + ending)) variants.push(await variantOf(join(folder, name + ending), encoding));
    variants.push(await variantOf(join(folder, name), undefined));
    const path = `/${name.split(sep).join('/')}`;
    files.set(path, { type, isHashed: path.startsWith('/assets/'), variants });
  }
  return files;
}

/** Paths in the folder; none when it is not there. */
async function namesIn(folder: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(folder, { recursive: true }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Set();
    throw error;
  }
}

async function variantOf(path: string, encoding: Variant['encoding']): Promise<Variant> {
  const bytes = await readFile(path);
  return { bytes, encoding, etag: `"${createHash('sha256').update(bytes).digest('base64url')}"` };
}
