import { headOf } from './raw-connection.ts';

/** What an attacker has: URLs of its own that work, and of somebody else's only what may be overheard. */
export interface Loot {
  /** Works, of the attacker's own object. */
  readonly ownDownload: string;
  /** Works, for an object that is not there yet. */
  readonly ownUpload: string;
  readonly ownUploadBytes: number;
  /** A URL of somebody else's object that has expired. */
  readonly expired: string;
  /** One that works: the attacker has it only changed. */
  readonly victims: string;
  readonly victimsId: string;
}

/** Bytes to be sent, and whether the attacker may be given what is its own for them. */
export interface HostileRequest {
  readonly what: string;
  readonly bytes: string;
  readonly mayBeServed: boolean;
}

const close = { connection: 'close' };

/** Requests that are wrong in one of many ways, told by `random`. */
export class HostileRequests {
  readonly #random: () => number;
  readonly #loot: Loot;
  readonly #sorts: readonly (() => HostileRequest)[];

  constructor(random: () => number, loot: Loot) {
    this.#random = random;
    this.#loot = loot;
    this.#sorts = [
      () => this.#path(),
      () => this.#path(),
      () => this.#signature(),
      () => this.#signature(),
      () => this.#forged(),
      () => this.#range(),
      () => this.#length(),
      () => this.#length(),
      () => this.#smuggled(),
      () => this.#method(),
      () => this.#header(),
      () => this.#noise(),
    ];
  }

  next(): HostileRequest {
    return this.#oneOf(this.#sorts)();
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #oneOf<T>(values: readonly T[]): T {
    const value = values[this.#below(values.length)];
    if (value === undefined) throw new RangeError('there is nothing to choose from');
    return value;
  }

  #octets(length: number): string {
    return Array.from({ length }, () => String.fromCharCode(this.#below(256))).join('');
  }

  #request(method: string, target: string, headers: Readonly<Record<string, string | number>> = {}): string {
    const lines = Object.entries({ host: 'x', ...close, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
  }

  /** Ways out of the folder, with a query that works elsewhere. */
  #path(): HostileRequest {
    const { search } = new URL(this.#oneOf([this.#loot.ownDownload, this.#loot.ownUpload]));
    const up = this.#oneOf([
      '..',
      '%2e%2e',
      '.%2e',
      '%252e%252e',
      '..\\',
      '..%5c',
      '..%2f',
      '%c0%ae%c0%ae',
      '..;',
      '．．',
      '.',
    ]);
    const ups = `${up}/`.repeat(1 + this.#below(8));
    const goal = this.#oneOf([
      'url-key',
      'version',
      'secret.txt',
      'etc/passwd',
      `test/${this.#loot.victimsId}`,
      `${this.#loot.victimsId}.json`,
      this.#loot.victimsId,
      '',
      'partial/',
    ]);
    const path = this.#oneOf([
      `/media/${ups}${goal}`,
      `/media/${this.#loot.victimsId}/${ups}${goal}`,
      `/media/${this.#loot.victimsId}%00.png`,
      `/media/${this.#loot.victimsId}\0`,
      `/media//${goal}`,
      `/media/./${goal}`,
      `//media/${goal}`,
      `/media/${goal}/`,
      `/media/20261122-${ups}${goal}`,
      `/media/${'a'.repeat(this.#below(10_000))}`,
      `/media/20261122-${'a'.repeat(this.#below(3_000))}`,
      `http://127.0.0.1/media/${ups}${goal}`,
      `http://[::1/media/${goal}`,
      `file:///${goal}`,
      `\\media\\${goal}`,
      `media/${goal}`,
      this.#octets(1 + this.#below(60)).replace(/[\r\n ]/g, '_'),
    ]);
    const method = this.#oneOf(['GET', 'HEAD', 'PUT', 'GET']);
    const query = this.#oneOf([search, '', '?', '#x']);
    return { what: 'path', bytes: this.#request(method, `${path}${query}`), mayBeServed: false };
  }

  /** The URL of somebody else's object with one character or field changed, and one that has expired. */
  #signature(): HostileRequest {
    const method = this.#oneOf(['GET', 'HEAD', 'PUT']);
    const url = new URL(this.#loot.victims);
    const name = this.#oneOf([...url.searchParams.keys()]);
    const value = url.searchParams.get(name) ?? '';
    const at = this.#below(value.length);
    const other = this.#oneOf(Array.from('abcXYZ019-_ \0é').filter((character) => character !== value[at]));
    const changes = [
      () => url.searchParams.set(name, value.slice(0, at) + other + value.slice(at + 1)),
      () => url.searchParams.set(name, value.slice(0, at) + other + value.slice(at)),
      () => url.searchParams.set(name, value.slice(0, at)),
      () => url.searchParams.set(name, this.#octets(this.#below(100))),
      () => url.searchParams.delete(name),
      () => url.searchParams.append(name, value),
      () => url.searchParams.append(other, value),
      () => url.searchParams.set('expires', String(Date.now() + 10 ** this.#below(20))),
    ];
    this.#oneOf(changes)();
    const unchanged = url.href === this.#loot.victims;
    const target = unchanged || this.#random() < 0.1 ? this.#loot.expired : url.href;
    return { what: 'signature', bytes: headOf(method, target, close), mayBeServed: false };
  }

  /** A signature that is good for something else. */
  #forged(): HostileRequest {
    const { ownDownload, ownUpload, victimsId, victims } = this.#loot;
    const [from, to] = this.#oneOf([
      [ownDownload, ownUpload],
      [ownUpload, ownDownload],
      [ownDownload, victims],
      [ownUpload, victims],
    ] as const);
    const url = new URL(this.#oneOf([from, to]));
    const other = new URL(url.href === from ? to : from);
    if (this.#random() < 0.5) url.pathname = `/media/${victimsId}`;
    else url.searchParams.set('signature', other.searchParams.get('signature') ?? '');
    // What was the victim's to begin with stays out of the attacker's reach: its signature has been replaced.
    if (url.href.startsWith(victims)) url.searchParams.set('signature', 'x');
    const method = this.#oneOf(['GET', 'PUT', 'HEAD', 'DELETE', 'POST']);
    if (method !== 'PUT') return { what: 'forged', bytes: headOf(method, url.href, close), mayBeServed: false };
    const more = { 'content-type': 'audio/mpeg', 'content-length': 5 };
    return { what: 'forged', bytes: `${headOf(method, url.href, { ...close, ...more })}bytes`, mayBeServed: false };
  }

  #range(): HostileRequest {
    const odd = ['-1', '1e9', '9'.repeat(30), '0x10', 'NaN', ' ', '\t', '1.5'];
    const number = () => this.#oneOf(['', '0', '1', '500', '999', '1000', '5000', this.#oneOf(odd)]);
    const one = () => `${number()}-${number()}`;
    const range = this.#oneOf([
      () => `bytes=${one()}`,
      () => 'bytes=5000-',
      () => `bytes=${Array.from({ length: this.#below(500) }, one).join(',')}`,
      () => `${this.#octets(5).replace(/[\r\n\0]/g, '')}=${one()}`,
      () => `bytes=${'-'.repeat(this.#below(2_000))}`,
    ])();
    const condition = this.#oneOf<Readonly<Record<string, string>>>([
      {},
      { 'if-range': '"' },
      { 'if-none-match': `W/${'",'.repeat(this.#below(900))}` },
    ]);
    const head = headOf(this.#oneOf(['GET', 'HEAD']), this.#loot.ownDownload, { ...close, range, ...condition });
    return { what: 'range', bytes: head, mayBeServed: true };
  }

  /** An upload that works, but for its length. */
  #length(): HostileRequest {
    const { ownUpload, ownUploadBytes } = this.#loot;
    const type = { 'content-type': 'audio/mpeg' };
    const body = this.#octets(this.#below(ownUploadBytes * 2));
    const told = this.#oneOf([
      0,
      1,
      ownUploadBytes - 1,
      ownUploadBytes,
      ownUploadBytes + 1,
      2 ** 31,
      2 ** 53,
      1e30,
      '-1',
      '+5',
      '0x5',
      '5, 5',
      '',
    ]);
    const coding = this.#oneOf(['chunked', 'gzip, chunked', 'chunked, chunked', 'identity', 'xchunked', 'chunked;q=1']);
    const size = this.#oneOf([
      body.length.toString(16),
      'ffffffff',
      '-1',
      'zz',
      `${'0'.repeat(50)}5`,
      'f'.repeat(20),
      '',
    ]);
    const bytes = this.#oneOf([
      () => headOf('PUT', ownUpload, { ...close, ...type, 'content-length': told }) + body,
      () =>
        headOf('PUT', ownUpload, { ...close, ...type, 'transfer-encoding': coding }) +
        `${size}\r\n${body}\r\n0\r\n\r\n`,
      () => headOf('PUT', ownUpload, { ...close, ...type, 'content-length': told, 'transfer-encoding': coding }) + body,
      () => headOf('PUT', ownUpload, { ...close, ...type, 'content-length': told, expect: '100-continue' }) + body,
      () => headOf('PUT', ownUpload, { ...close, ...type, expect: this.#octets(4).replace(/[\r\n\0]/g, '') }) + body,
    ])();
    return { what: 'length', bytes, mayBeServed: false };
  }

  /** A second request in the body of the first. */
  #smuggled(): HostileRequest {
    const { ownUpload, victimsId, victims } = this.#loot;
    const inner = this.#request('GET', `/media/${victimsId}${new URL(victims).search.slice(0, -1)}`);
    const length = this.#oneOf([0, 3, inner.length]);
    const bytes = this.#oneOf([
      () => `${headOf('PUT', ownUpload, { 'content-type': 'audio/mpeg', 'content-length': length })}${inner}`,
      () => `${headOf('GET', this.#loot.expired, { 'content-length': length })}${inner}`,
      () =>
        `${headOf('PUT', ownUpload, { 'content-length': length, 'transfer-encoding': 'chunked' })}0\r\n\r\n${inner}`,
      () =>
        `${headOf('GET', this.#loot.expired, { 'transfer-encoding': ' chunked', 'content-length': 4 })}0\r\n\r\n${inner}`,
      () =>
        `${headOf('GET', this.#loot.expired, { 'x-y': `1\r\ncontent-length: 4\r\ncontent-length: ${length}` })}${inner}`,
      () => `${headOf('GET', this.#loot.expired, { 'x-y': '1\n\nGET /media/ HTTP/1.1' })}${inner}`,
    ])();
    return { what: 'smuggled', bytes, mayBeServed: false };
  }

  #method(): HostileRequest {
    const method = this.#oneOf([
      ...['POST', 'DELETE', 'PATCH', 'TRACE', 'CONNECT', 'PROPFIND', 'MOVE', 'COPY', 'get', 'GETT', 'QUERY', ''],
      this.#octets(5),
    ]);
    const { victimsId, ownDownload, ownUpload, expired } = this.#loot;
    const more = this.#oneOf<Readonly<Record<string, string>>>([
      {},
      { destination: `/media/${victimsId}` },
      { 'x-http-method-override': 'PUT' },
      { upgrade: 'h2c' },
    ]);
    return {
      what: 'method',
      bytes: headOf(method, this.#oneOf([ownDownload, ownUpload, expired]), { ...close, ...more }),
      mayBeServed: false,
    };
  }

  #header(): HostileRequest {
    const value = this.#oneOf([
      () => 'a'.repeat(this.#below(40_000)),
      () => this.#octets(this.#below(200)),
      () => '\r\n '.repeat(this.#below(100)),
    ])();
    const name = this.#oneOf([
      'host',
      'content-type',
      'content-length',
      'transfer-encoding',
      'x-forwarded-host',
      this.#octets(8),
    ]);
    const url = this.#oneOf([this.#loot.expired, this.#loot.ownUpload]);
    return {
      what: 'header',
      bytes: headOf(this.#oneOf(['GET', 'PUT']), url, { ...close, [name]: value }),
      mayBeServed: false,
    };
  }

  #noise(): HostileRequest {
    const whole = this.#oneOf([
      () => this.#octets(this.#below(2_000)),
      () => `\x16\x03\x01${this.#octets(200)}`,
      () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      () =>
        headOf('GET', this.#loot.expired).replace(
          'HTTP/1.1',
          this.#oneOf(['HTTP/0.9', 'HTTP/9.9', 'HTTP/1.0', '', 'XTTP/1.1']),
        ),
      () => headOf('GET', this.#loot.expired).slice(0, this.#below(200)),
    ])();
    return { what: 'noise', bytes: whole, mayBeServed: false };
  }
}
